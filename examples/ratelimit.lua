-- ratelimit: lets each source send so many UDP packets in a time, with a burst now and then: a token bucket for every
-- source. A source is an IPv4 address, or the first half of an IPv6 address: the other half is the sender's to choose.
--
-- Hooked at PRE_ROUTING: packets for this machine and packets it forwards.
--
-- Try:    bin/moonhook run examples/ratelimit.lua --pcap examples/captures/flood.pcap --local 10.77.0.2,fd77::2
-- Live:   sudo bin/moonhook run examples/ratelimit.lua
-- Change: LIMIT

local LIMIT = { packets = 10, seconds = 1, burst = 20 } -- ten a second; after a silence twenty at once
local MOST_SOURCES = 4096 -- in each of two generations

local netfilter = require("netfilter")
local linux = require("linux")
local nf = require("linux.nf")

local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT
local UDP = 17

-- Without fractions a bucket is best filled with time: a nanosecond flows in each nanosecond, a packet takes `COST`.
local COST = LIMIT.seconds * 1000000000 // LIMIT.packets
local FULL = COST * LIMIT.burst

-- Buckets in two generations: when the young one is full it becomes the old one, and what was old is forgotten. A
-- source forgotten that way starts again with a full bucket, which is what it had if it was silent for long.
local young, old, count = {}, {}, 0

local function bucket_of(source, now)
  if young[source] then return young[source] end
  local bucket = old[source] or { level = FULL, time = now, limited = false }
  if count == MOST_SOURCES then young, old, count = {}, young, 0 end
  young[source] = bucket
  count = count + 1
  return bucket
end

local function text_of(source)
  if #source == 4 then return string.format("%d.%d.%d.%d", source:byte(1, 4)) end
  return string.format("%x:%x:%x:%x::/64", string.unpack(">I2I2I2I2", source))
end

local function hook(skb)
  local packet = skb:data()
  local source
  if packet:getuint8(0) >> 4 == 4 then
    if packet:getuint8(9) ~= UDP then return ACCEPT end
    source = packet:getstring(12, 4)
  else
    if packet:getuint8(6) ~= UDP then return ACCEPT end
    source = packet:getstring(8, 8)
  end

  local now = linux.time()
  local bucket = bucket_of(source, now)
  local elapsed = math.max(now - bucket.time, 0) -- the clock may be set back
  bucket.time = now
  bucket.level = math.min(bucket.level + elapsed, FULL)
  if bucket.level >= COST then
    bucket.level = bucket.level - COST
    if bucket.limited and bucket.level >= FULL // 2 then bucket.limited = false end
    return ACCEPT
  end
  if not bucket.limited then -- one line each time, not one for each packet
    bucket.limited = true
    print("ratelimit: too many packets from " .. text_of(source))
  end
  return DROP
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER }
