-- Hides us from traceroute: packets that are about to expire are dropped, in both families.
local nf = require("linux.nf")
local register = require("netfilter").register
local LOWEST <const> = 5

local function from_field(offset)
  return function(skb)
    local ttl = skb:data():getuint8(offset)
    if ttl < LOWEST then return nf.action.DROP end
    return nf.action.ACCEPT
  end
end

register{ pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = from_field(8) }
register{ pf = nf.proto.IPV6, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = from_field(7) }
