-- Cuts the contents of large echo requests down to 56 bytes and makes length and checksums right. Resizes packets.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local KEEP = 56

netfilter.register{
  pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE,
  hook = function(skb)
    local d = skb:data()
    local icmp = (d:getuint8(0) & 15) * 4
    local size = icmp + 8 + KEEP
    if d:getuint8(9) ~= 1 or #skb <= size or d:getuint8(icmp) ~= 8 then
      return nf.action.ACCEPT
    end
    local before = #skb
    skb:resize(size)
    d = skb:data()
    d:setuint16(2, byteorder.hton16(size))
    d:setuint16(icmp + 2, 0)
    d:setuint16(icmp + 2, d:checksum(icmp, size - icmp))
    skb:checksum()
    print("trim-ping:", before, "->", size)
    return nf.action.ACCEPT
  end,
}
