-- Answers of well known amplifiers and requests to them; the verdict stands in a table.
local nf <const> = require("linux.nf")
local byteorder <const> = require("byteorder")
local DROP <const>, ACCEPT <const> = nf.action.DROP, nf.action.ACCEPT

-- by source port, then by destination port; as the packet has them
local from, to = {}, {}
for _, port in ipairs{ 17, 19, 1900, 11211 } do from[byteorder.hton16(port)] = DROP end
for _, port in ipairs{ 19, 69, 389, 11211 } do to[byteorder.hton16(port)] = DROP end

local function hook(skb)
  local d = skb:data()
  local udp = d:getuint8(0) >> 4 == 4 and d:getuint8(9) == 17 and (d:getuint8(0) & 15) * 4
    or d:getuint8(0) >> 4 == 6 and d:getuint8(6) == 17 and 40
  if not udp or #d < udp + 4 then return ACCEPT end
  return from[d:getuint16(udp)] or to[d:getuint16(udp + 2)] or ACCEPT
end

require("netfilter").register{
  hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW + 1,
}
