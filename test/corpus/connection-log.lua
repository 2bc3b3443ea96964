-- Logs each new connection with both of its ends, in the style of a firewall log, for both families.
local netfilter = require("netfilter")
local conntrack = require("conntrack")
local nf = require("linux.nf")

local PROTOCOLS = { [1] = "ICMP", [6] = "TCP", [17] = "UDP", [47] = "GRE", [58] = "ICMPv6", [132] = "SCTP" }

local function ipv4(n)
  return string.format("%d.%d.%d.%d", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255)
end

local function ipv6(s)
  local words = {}
  for i = 1, 16, 2 do
    words[#words + 1] = string.format("%x", string.unpack(">I2", s, i))
  end
  return table.concat(words, ":")
end

local function address(tuple, key)
  local value = tuple[key]
  return tuple.family == nf.proto.IPV4 and ipv4(value) or ipv6(value)
end

local function hook(skb)
  local ct, info = conntrack.get(skb)
  if ct == nil or info ~= nf.ct.info.NEW then return nf.action.ACCEPT end
  local t = ct:tuple(nf.ct.dir.ORIGINAL)
  local line = "NEW " .. (PROTOCOLS[t.protocol] or "protocol " .. t.protocol)
  line = line .. " SRC=" .. address(t, "src") .. " DST=" .. address(t, "dst")
  if t.sport then
    line = line .. " SPT=" .. t.sport .. " DPT=" .. t.dport
  else
    line = line .. " TYPE=" .. t.type .. " CODE=" .. t.code
  end
  print(line)
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 0 }
