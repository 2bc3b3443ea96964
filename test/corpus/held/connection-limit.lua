-- Each address may have so many TCP connections open at once: SYN counts up, FIN and RST count down.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local MOST = 8
local EXEMPT = { ["\10\0\0\9"] = true }

local open = setmetatable({}, { __index = function() return 0 end })

local function source_and_flags(d)
  local tcp, source
  if d:getuint8(0) >> 4 == 4 then
    if d:getuint8(9) ~= 6 then return end
    tcp, source = (d:getuint8(0) & 15) * 4, d:getstring(12, 4)
  else
    if d:getuint8(6) ~= 6 then return end
    tcp, source = 40, d:getstring(8, 16)
  end
  if tcp + 14 > #d then return end
  return source, d:getuint8(tcp + 13)
end

local function hook(skb)
  local source, flags = source_and_flags(skb:data())
  if not source or EXEMPT[source] then return nf.action.ACCEPT end
  if flags & 0x05 ~= 0 then -- FIN or RST
    open[source] = math.max(open[source] - 1, 0)
  elseif flags & 0x12 == 0x02 then
    if open[source] >= MOST then
      return nf.action.DROP
    end
    open[source] = open[source] + 1
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
