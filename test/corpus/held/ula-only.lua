-- IPv6 from unique local (fc00::/7) and link-local (fe80::/10) addresses only; neighbour discovery always passes.
local nf = require "linux.nf"

local function is_local(p)
  local first, second = p:getuint8(8), p:getuint8(9)
  if first & 0xfe == 0xfc then return true end
  return first == 0xfe and second & 0xc0 == 0x80
end

local function is_discovery(p)
  if p:getuint8(6) ~= 58 or #p < 41 then return false end
  local kind = p:getuint8(40)
  return kind >= 133 and kind <= 137
end

local hook = function(skb)
  local p = skb:data()
  if is_local(p) or is_discovery(p) then return nf.action.ACCEPT end
  return nf.action.DROP
end

require "netfilter".register{ hook = hook, pf = nf.proto.IPV6, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
