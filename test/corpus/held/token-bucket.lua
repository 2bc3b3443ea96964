-- At most RATE UDP packets a second for each source address, with a burst of BURST.
local netfilter = require("netfilter")
local linux = require("linux")
local nf = require("linux.nf")

local RATE, BURST = 10, 15
local SECOND = 1000000000

local buckets = {}

local function take(key)
  local now = linux.time()
  local b = buckets[key]
  if b == nil then
    b = { tokens = BURST * SECOND, last = now }
    buckets[key] = b
  end
  -- tokens are kept in billionths, since there are no fractions
  b.tokens = math.min(BURST * SECOND, b.tokens + (now - b.last) * RATE)
  b.last = now
  if b.tokens < SECOND then
    return false
  end
  b.tokens = b.tokens - SECOND
  return true
end

local function hook(skb)
  local p = skb:data()
  local key
  if p:getuint8(0) >> 4 == 4 and p:getuint8(9) == 17 then
    key = p:getstring(12, 4)
  elseif p:getuint8(0) >> 4 == 6 and p:getuint8(6) == 17 then
    key = p:getstring(8, 16)
  end
  if key and not take(key) then
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER }
