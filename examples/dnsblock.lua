-- Drops DNS queries (UDP port 53) for the names below and everything under them.
-- Try: moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap

local netfilter = require("netfilter")
local nf = require("linux.nf")

local blocked = { ["ads.example.com"] = true, ["tracker.example.net"] = true }

local UDP, DNS_PORT = 17, 53

-- The offset of the DNS message when the packet is a UDP datagram to port 53.
local function dns_offset(packet)
  local version = packet:getuint8(0) >> 4
  local udp
  if version == 4 then
    local fragment = packet:getuint8(6) << 8 | packet:getuint8(7)
    if packet:getuint8(9) ~= UDP or fragment & 0x1fff ~= 0 then return end
    udp = (packet:getuint8(0) & 15) * 4
  elseif version == 6 and packet:getuint8(6) == UDP then
    udp = 40
  else
    return
  end
  if packet:getuint8(udp + 2) << 8 | packet:getuint8(udp + 3) == DNS_PORT then return udp + 8 end
end

-- The name asked for, in lower case, and whether it or a parent of it is blocked.
local function question(packet, offset)
  local name, suffixes = "", {}
  local length = packet:getuint8(offset)
  while length > 0 and length < 64 do
    local label = packet:getstring(offset + 1, length):lower()
    for i = 1, #suffixes do suffixes[i] = suffixes[i] .. "." .. label end
    suffixes[#suffixes + 1] = label
    offset = offset + 1 + length
    length = packet:getuint8(offset)
  end
  name = suffixes[1]
  for _, suffix in ipairs(suffixes) do
    if blocked[suffix] then return name, true end
  end
  return name, false
end

local function hook(skb)
  local packet = skb:data()
  local dns = dns_offset(packet)
  if not dns or #packet < dns + 17 then return nf.action.ACCEPT end
  local name, is_blocked = question(packet, dns + 12)
  if not is_blocked then return nf.action.ACCEPT end
  print("dnsblock: blocked " .. name)
  return nf.action.DROP
end

-- POST_ROUTING sees what this machine asks and what it forwards for others.
netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = nf.ip.pri.FILTER }
