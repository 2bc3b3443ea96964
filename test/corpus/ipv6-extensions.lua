-- Walks the extension headers of IPv6: routing headers of type 0 (RFC 5095) and long chains are not wanted here.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local HOP_BY_HOP, ROUTING, FRAGMENT, AUTH, DESTINATION = 0, 43, 44, 51, 60
local MOST = 4

local extension = {
  [HOP_BY_HOP] = true, [ROUTING] = true, [FRAGMENT] = true, [AUTH] = true, [DESTINATION] = true,
}

local function hook(skb)
  local p = skb:data()
  local size = #p
  local next_header, at, headers = p:getuint8(6), 40, 0

  while extension[next_header] do
    if at + 8 > size then
      print("ipv6: extension header does not fit")
      return nf.action.DROP
    end
    headers = headers + 1
    if headers > MOST then
      print("ipv6: too many extension headers")
      return nf.action.DROP
    end
    if next_header == ROUTING and p:getuint8(at + 2) == 0 then
      print("ipv6: routing header of type 0")
      return nf.action.DROP
    end
    local length = p:getuint8(at + 1)
    if next_header == FRAGMENT then
      length = 8
    elseif next_header == AUTH then
      length = (length + 2) * 4
    else
      length = (length + 1) * 8
    end
    next_header = p:getuint8(at)
    at = at + length
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV6, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW }
