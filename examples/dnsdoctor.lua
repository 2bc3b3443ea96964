-- dnsdoctor: rewrites the IPv4 address that DNS answers (UDP, over IPv4 and IPv6) give for the listed names.
--
-- Hooked at PRE_ROUTING: answers for this machine and answers it forwards are treated alike. A listed name may be an
-- alias: the chain of CNAME records is followed, and the address at its end is the one rewritten. Clients that check
-- DNSSEC signatures notice, as they should. Answers over TCP or inside TLS are not looked at.
--
-- Try:    bin/moonhook run examples/dnsdoctor.lua --pcap examples/captures/dns.pcap --write treated.pcap
-- Live:   sudo bin/moonhook run examples/dnsdoctor.lua
-- Change: ANSWERS

local ANSWERS = { ["www.doctor.example"] = "192.0.2.99", ["shop.doctor.example"] = "192.0.2.98" }
local MOST_RECORDS = 64 -- of one answer; what is behind them stays as it is

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local ACCEPT = nf.action.ACCEPT
local UDP, UDP_HEADER, DNS_HEADER = 17, 8, 12
local TYPE_A, TYPE_CNAME, CLASS_IN = 1, 5, 1
local MOST_LABELS = 128 -- a name of 255 bytes has fewer, RFC 1035
local DNS_PORT = byteorder.hton16(53)
local FRAGMENT = byteorder.hton16(0x3fff) -- "more fragments" and the offset: set in any part of a cut packet

local function address_bytes(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return string.char(assert(tonumber(a), "no IPv4 address: " .. text), tonumber(b), tonumber(c), tonumber(d))
end

local answers = {}
for name, address in pairs(ANSWERS) do answers[name:lower()] = address_bytes(address) end

-- Offset of the UDP header; nil without one and in fragments, whose checksum could not be made right.
local function udp_offset(packet)
  local first = packet:getuint8(0)
  if first >> 4 == 4 then
    if packet:getuint8(9) == UDP and packet:getuint16(6) & FRAGMENT == 0 then return (first & 15) * 4 end
  elseif packet:getuint8(6) == UDP then
    return 40
  end
end

-- The name at a position of the message (1-based, as strings are), in lower case, and the position behind it. Nothing
-- when it is malformed. Labels and pointers count alike, so that no packet keeps us for long.
local function read_name(message, at)
  local labels, behind = {}, nil
  for _ = 1, MOST_LABELS do
    local length = message:byte(at)
    if not length then return end
    if length == 0 then return table.concat(labels, "."):lower(), behind or at + 1 end
    if length < 64 then
      labels[#labels + 1] = message:sub(at + 1, at + length)
      at = at + 1 + length
    else
      if length < 192 or at == #message then return end
      behind = behind or at + 2
      at = (string.unpack(">I2", message, at) & 0x3fff) + 1
    end
  end
end

-- Rewrites what has to be; true when something was. `dns` is the offset of the message in the packet.
local function treat(packet, dns)
  local message = packet:getstring(dns)
  local questions, count = string.unpack(">I2I2", message, 5)
  if questions ~= 1 then return false end
  -- The name that the next record should be about, and the address that all of its chain is to have.
  local expected, at = read_name(message, DNS_HEADER + 1)
  if not expected then return false end
  local address = answers[expected]
  at = at + 4 -- type and class of the question

  local rewritten = false
  for _ = 1, math.min(count, MOST_RECORDS) do
    local owner, fixed = read_name(message, at)
    if not owner or fixed + 9 > #message then break end
    local kind, class, _, length = string.unpack(">I2I2I4I2", message, fixed)
    local data = fixed + 10
    at = data + length
    if at > #message + 1 then break end
    if class == CLASS_IN and kind == TYPE_CNAME and owner == expected then
      expected = read_name(message, data)
      address = answers[expected or ""] or address
    elseif class == CLASS_IN and kind == TYPE_A and length == 4 then
      local wanted = answers[owner] or owner == expected and address
      if wanted and message:sub(data, data + 3) ~= wanted then
        packet:setstring(dns + data - 1, wanted)
        rewritten = true
        local name = owner:gsub("[^%w._-]", "?") -- nothing in it that could forge a line
        print(string.format("dnsdoctor: %s is now %d.%d.%d.%d", name, wanted:byte(1, 4)))
      end
    end
  end
  return rewritten
end

local function hook(skb)
  local packet = skb:data()
  local udp = udp_offset(packet)
  if not udp or udp + UDP_HEADER + DNS_HEADER > #packet then return ACCEPT end
  if packet:getuint16(udp) == DNS_PORT and treat(packet, udp + UDP_HEADER) then skb:checksum() end
  return ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE }
