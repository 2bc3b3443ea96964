-- IPv6 pings are limited by /64: whoever has a whole prefix would get around a limit for each address.
local netfilter, linux, nf = require("netfilter"), require("linux"), require("linux.nf")

local MAX, WINDOW_NS = 5, 1000000000
local prefixes = {}

local function show(prefix)
  local a, b, c, d = string.unpack(">I2I2I2I2", prefix)
  return string.format("%x:%x:%x:%x::/64", a, b, c, d)
end

local function hook(skb)
  local d = skb:data()
  if #d < 48 or d:getuint8(6) ~= 58 or d:getuint8(40) ~= 128 then
    return nf.action.ACCEPT
  end
  local prefix = d:getstring(8, 8)
  local now = linux.time()
  local seen = prefixes[prefix]
  if seen == nil or linux.difftime(now, seen.since) > WINDOW_NS then
    prefixes[prefix] = { since = now, count = 1 }
    return nf.action.ACCEPT
  end
  seen.count = seen.count + 1
  if seen.count > MAX then
    if seen.count == MAX + 1 then print("ping6: too many from " .. show(prefix)) end
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV6, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
