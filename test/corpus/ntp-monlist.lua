-- NTP: "monlist" (mode 7, request 42) turns a server into an amplifier. Time itself stays available.
local netfilter = require("netfilter")
local nf = require("linux.nf")
local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT

local function is_monlist(p, ntp)
  return ntp + 4 <= #p
     and p:getuint8(ntp) & 0x07 == 7
     and (p:getuint8(ntp + 3) == 42 or p:getuint8(ntp + 3) == 20)
end

local function port(p, at) return p:getuint8(at) << 8 | p:getuint8(at + 1) end

local function v4(skb)
  local p = skb:data()
  local udp = (p:getuint8(0) & 15) * 4
  local match = p:getuint8(9) == 17 and #p >= udp + 8 and port(p, udp + 2) == 123 and is_monlist(p, udp + 8)
  return match and DROP or ACCEPT
end

local function v6(skb)
  local p = skb:data()
  local match = p:getuint8(6) == 17 and #p >= 48 and port(p, 42) == 123 and is_monlist(p, 48)
  return match and DROP or ACCEPT
end

for pf, hook in pairs{ [nf.proto.IPV4] = v4, [nf.proto.IPV6] = v6 } do
  netfilter.register{ hook = hook, pf = pf, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
end
