-- Packets that cannot be right: source and destination are the same (LAND), the source is a group or loopback address.
local nf = require("linux.nf")
local netfilter = require("netfilter")

local function drop(reason, d)
  local s = d:getint32(12)
  print("martian: " .. reason, string.format("%08x", string.unpack(">I4", string.pack("=i4", s))))
  return nf.action.DROP
end

local function hook(skb)
  local d = skb:data()
  if d:getint32(12) == d:getint32(16) then return drop("land", d) end
  local first = d:getbyte(12)
  if first == 127 then return drop("loopback", d) end
  if first >= 224 and first <= 239 then return drop("multicast", d) end
  if first >= 240 then return drop("reserved", d) end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FIRST + 1 }
