-- SYN flood brake: counts connection attempts of each IPv4 source within a second and drops what is too much.
-- The table of sources is thrown away every second, so it cannot grow for ever.
local netfilter, linux, nf = require("netfilter"), require("linux"), require("linux.nf")

local MAX_SYNS = 10
local WINDOW = 1000 * 1000 * 1000

local counts = {}
local window_start = 0

local function hook(skb)
  local pkt = skb:data()
  if pkt:getuint8(9) ~= 6 then return nf.action.ACCEPT end
  local tcp = (pkt:getuint8(0) & 0xf) * 4
  if tcp + 20 > #pkt then return nf.action.ACCEPT end
  local flags = pkt:getuint8(tcp + 13)
  if flags & 0x12 ~= 0x02 then return nf.action.ACCEPT end

  local now = linux.time()
  if linux.difftime(now, window_start) > WINDOW then
    counts = {}
    window_start = now
  end

  local src = pkt:getuint32(12)
  local n = (counts[src] or 0) + 1
  counts[src] = n
  if n <= MAX_SYNS then return nf.action.ACCEPT end
  if n == MAX_SYNS + 1 then
    print(string.format("syn-flood: %d.%d.%d.%d", string.byte(pkt:getstring(12, 4), 1, 4)))
  end
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER - 10 }
