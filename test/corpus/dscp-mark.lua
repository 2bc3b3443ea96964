-- Copies the DSCP of each packet into its mark, for `ip rule` and `tc` to work with. Drops nothing.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local CLASS = { [46] = 0x10, [34] = 0x20, [26] = 0x30, [8] = 0x40 }

local function dscp(skb)
  local b0, b1 = skb:data():getuint8(0), skb:data():getuint8(1)
  if b0 >> 4 == 4 then
    return b1 >> 2
  end
  return ((b0 & 0xf) << 4 | b1 >> 4) >> 2
end

netfilter.register{
  pf = nf.proto.INET,
  hooknum = nf.inet.PRE_ROUTING,
  priority = nf.ip.pri.MANGLE,
  hook = function(skb)
    return nf.action.ACCEPT, CLASS[dscp(skb)] or 0
  end,
}
