-- Drops DNS questions of type ANY, which are asked mostly to make a small packet into a large one.
local nf, bo = require("linux.nf"), require("byteorder")
local ANY = bo.hton16(255)
local DNS = bo.hton16(53)

local function hook(skb)
  local d = skb:data()
  local six = d:getuint8(0) >> 4 == 6
  local udp = six and 40 or (d:getuint8(0) & 15) * 4
  local proto = d:getuint8(six and 6 or 9)
  if proto ~= 17 or #d < udp + 8 + 12 + 5 then return nf.action.ACCEPT end
  if d:getuint16(udp + 2) ~= DNS or d:getuint8(udp + 10) & 0x80 ~= 0 then return nf.action.ACCEPT end

  local i = udp + 20
  -- step over the labels; a name has at most 127 of them
  for _ = 1, 128 do
    local n = d:getuint8(i)
    if n == 0 then
      if i + 3 > #d then break end
      return d:getuint16(i + 1) == ANY and nf.action.DROP or nf.action.ACCEPT
    end
    i = i + n + 1
    if i >= #d then break end
  end
  return nf.action.ACCEPT
end

require("netfilter").register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
