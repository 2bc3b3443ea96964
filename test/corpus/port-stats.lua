-- Traffic by service: counts packets and bytes for each destination port and prints the five busiest every 50 packets.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local stats, seen = {}, 0

local function report()
  local order = {}
  for port in pairs(stats) do table.insert(order, port) end
  table.sort(order, function(a, b)
    local x, y = stats[a], stats[b]
    if x.bytes ~= y.bytes then return x.bytes > y.bytes end
    return a < b
  end)
  for i = 1, math.min(5, #order) do
    local s = stats[order[i]]
    print(string.format("%-9s %5d packets %7d bytes", order[i], s.packets, s.bytes))
  end
end

local function hook(skb)
  local d = skb:data()
  local proto = d:getuint8(9)
  local l4 = (d:getuint8(0) & 0xf) << 2
  if (proto == 6 or proto == 17) and #d >= l4 + 4 then
    local name = (proto == 6 and "tcp/" or "udp/") .. (d:getuint8(l4 + 2) << 8 | d:getuint8(l4 + 3))
    local s = stats[name]
    if not s then
      s = { packets = 0, bytes = 0 }
      stats[name] = s
    end
    s.packets = s.packets + 1
    s.bytes = s.bytes + #skb
  end
  seen = seen + 1
  if seen % 50 == 0 then report() end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.LAST - 1 }
