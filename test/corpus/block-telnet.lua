-- No telnet to this machine any more.
local nf = require("linux.nf")
local netfilter = require("netfilter")

netfilter.register{
  pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER,
  hook = function(skb)
    local ip = skb:data()
    if ip:getuint8(9) ~= 6 then return nf.action.ACCEPT end
    local tcp = (ip:getuint8(0) & 0x0f) * 4
    local port = ip:getuint8(tcp + 2) << 8 | ip:getuint8(tcp + 3)
    return port == 23 and nf.action.DROP or nf.action.ACCEPT
  end,
}
