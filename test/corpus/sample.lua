-- Shows about one packet in eight in the log: a poor man's sFlow.
local linux = require("linux")
local netfilter = require("netfilter")
local nf = require("linux.nf")

local ONE_IN = 8
local total, sampled = 0, 0

local protocols = { [1] = "icmp", [2] = "igmp", [6] = "tcp", [17] = "udp", [47] = "gre", [50] = "esp", [58] = "icmp6" }

netfilter.register{
  hook = function(skb)
    total = total + 1
    if linux.random(ONE_IN) == 1 then
      sampled = sampled + 1
      local d = skb:data()
      local proto = d:getuint8(0) >> 4 == 4 and d:getuint8(9) or d:getuint8(6)
      print(string.format("sample %d of %d: %s, %d bytes, device %s", sampled, total,
        protocols[proto] or "protocol " .. proto, #skb, skb:ifindex() or "none"))
    end
    return nf.action.ACCEPT
  end,
  pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FIRST,
}
