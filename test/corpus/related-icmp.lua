-- ICMP errors are let in only when they belong to a connection of ours; a forged "destination unreachable" does not.
local netfilter, conntrack, nf = require("netfilter"), require("conntrack"), require("linux.nf")

-- Types that report an error about another packet, by family.
local ERRORS = {
  [4] = { [3] = "destination unreachable", [4] = "source quench", [5] = "redirect", [11] = "time exceeded", [12] = "parameter problem" },
  [6] = { [1] = "destination unreachable", [2] = "packet too big", [3] = "time exceeded", [4] = "parameter problem" },
}

local function icmp_type(pkt)
  local version = pkt:getuint8(0) >> 4
  if version == 4 then
    local header = (pkt:getuint8(0) & 15) * 4
    if pkt:getuint8(9) == 1 and header < #pkt then return 4, pkt:getuint8(header) end
  elseif pkt:getuint8(6) == 58 and #pkt > 40 then
    return 6, pkt:getuint8(40)
  end
end

netfilter.register{
  pf = nf.proto.INET,
  hooknum = nf.inet.LOCAL_IN,
  priority = nf.ip.pri.FILTER,
  hook = function(skb)
    local version, kind = icmp_type(skb:data())
    if not version then return nf.action.ACCEPT end
    local name = ERRORS[version][kind]
    if not name then return nf.action.ACCEPT end
    local ct, info = conntrack.get(skb)
    if ct and (info == nf.ct.info.RELATED or info == nf.ct.info.RELATED_REPLY) then
      return nf.action.ACCEPT
    end
    print(string.format("icmp: %s about nothing we know", name))
    return nf.action.DROP
  end,
}
