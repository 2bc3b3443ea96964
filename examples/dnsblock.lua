-- dnsblock: drops DNS queries (UDP, IPv4 and IPv6) for the listed names and for every name below them.
--
-- Hooked at POST_ROUTING, where both this machine's own queries and those it forwards for others pass. Whole labels
-- are compared, never substrings: "badads.example.com" and "ads.example.com.test" are other names. Queries behind an
-- IPv6 extension header, over TCP or inside TLS are not looked at.
--
-- Try:    bin/moonhook run examples/dnsblock.lua --pcap examples/captures/dns.pcap
-- Live:   sudo bin/moonhook run examples/dnsblock.lua
-- Change: BLOCKED

local BLOCKED = { "ads.example.com", "tracker.example.net" }

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT
local UDP = 17
local MOST_BYTES = 255 -- of a name, RFC 1035
-- A packet is read in the machine's byte order: turning the constants once is cheaper than turning every packet.
local DNS_PORT, FRAGMENT_OFFSET = byteorder.hton16(53), byteorder.hton16(0x1fff)

-- The names as they stand in a query, each label behind its length: "\3ads\7example\3com".
local blocked = {}
for _, name in ipairs(BLOCKED) do
  blocked[name:lower():gsub("([^.]+)%.?", function(label) return string.pack("s1", label) end)] = true
end

-- For the log: dots between the labels, and nothing in them that could forge a line.
local function dotted(name)
  local labels, label, at = {}, nil, 1
  while at <= #name do
    label, at = string.unpack("s1", name, at)
    labels[#labels + 1] = label:gsub("[^%w_-]", "?")
  end
  return table.concat(labels, ".")
end

local function hook(skb)
  local packet = skb:data()
  local size, first = #packet, packet:getuint8(0)
  local v4 = first >> 4 == 4
  local udp = v4 and (first & 15) * 4 or 40
  if packet:getuint8(v4 and 9 or 6) ~= UDP then return ACCEPT end
  if v4 and packet:getuint16(6) & FRAGMENT_OFFSET ~= 0 then return ACCEPT end -- no header in this part

  -- Behind 8 bytes of UDP header and 12 of DNS header comes the name; the top bit of DNS byte 2 says "answer".
  local start = udp + 20
  if start >= size or packet:getuint16(udp + 2) ~= DNS_PORT or packet:getuint8(udp + 10) >= 128 then return ACCEPT end
  local stop, length = start, packet:getuint8(start)
  while length > 0 do
    stop = stop + 1 + length
    if stop >= size or stop - start >= MOST_BYTES then return ACCEPT end
    length = packet:getuint8(stop)
  end
  if stop == start then return ACCEPT end -- the root

  -- Lengths are below 64, letters above: lower() leaves the lengths alone.
  local name, at = packet:getstring(start, stop - start):lower(), 1
  while at <= #name do
    if blocked[name:sub(at)] then
      print("dnsblock: blocked " .. dotted(name))
      return DROP
    end
    at = at + 1 + name:byte(at)
  end
  return ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = nf.ip.pri.FILTER }
