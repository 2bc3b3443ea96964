-- Refuses fragments of IPv4, tells first, middle and last ones apart and keeps count of them.
local nf = require("linux.nf")
local byteorder = require("byteorder")

local seen = { first = 0, middle = 0, last = 0 }

local function kind_of(word)
  local more = word & 0x2000 ~= 0
  local offset = word & 0x1fff
  if offset == 0 then
    return more and "first" or nil
  end
  return more and "middle" or "last"
end

require("netfilter").register{
  pf = nf.proto.IPV4,
  hooknum = nf.inet.PRE_ROUTING,
  priority = nf.ip.pri.RAW_BEFORE_DEFRAG,
  hook = function(skb)
    local kind = kind_of(byteorder.ntoh16(skb:data():getuint16(6)))
    if not kind then
      return nf.action.ACCEPT
    end
    seen[kind] = seen[kind] + 1
    print("fragments:", kind, seen[kind])
    return nf.action.DROP
  end
}
