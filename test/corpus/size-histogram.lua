-- Histogram of packet sizes in powers of two, kept in a data buffer and printed every 40 packets.
local netfilter = require("netfilter")
local data = require("data")
local nf = require("linux.nf")

local BUCKETS, WIDTH = 12, 4
local histogram = data.new(BUCKETS * WIDTH, "single")
for i = 0, BUCKETS - 1 do histogram:setuint32(i * WIDTH, 0) end

local function bucket_of(n)
  local b = 0
  while n > 1 and b < BUCKETS - 1 do
    n = n >> 1
    b = b + 1
  end
  return b
end

local function show()
  local line = "sizes:"
  for i = 0, BUCKETS - 1 do
    local n = histogram:getuint32(i * WIDTH)
    if n > 0 then line = line .. " " .. (1 << i) .. "+=" .. n end
  end
  print(line)
end

local packets = 0
netfilter.register{
  pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.LAST,
  hook = function(skb)
    local at = bucket_of(#skb) * WIDTH
    histogram:setuint32(at, histogram:getuint32(at) + 1)
    packets = packets + 1
    if packets % 40 == 0 then show() end
    return nf.action.ACCEPT
  end,
}
