-- tcpreject: answers TCP packets (IPv4 and IPv6) that carry a mark with a reset, as if the other end had refused.
--
-- Who is to be refused is decided elsewhere, by whatever sets the mark before this hook: an nftables rule, iptables,
-- or another script (reject-port.lua). Hooked at PRE_ROUTING right behind MANGLE, before addresses are translated, and
-- at FORWARD for marks set there; a connection whose destination is translated must be marked at PRE_ROUTING, or the
-- reset would not come from the address that the client asked.
--
-- Try:    bin/moonhook run examples/reject-port.lua --pcap examples/captures/tcp.pcap --local 10.77.0.2,fd77::2
-- Live:   sudo nft 'add table inet t; add chain inet t c { type filter hook prerouting priority mangle; }'
--         sudo nft 'add rule inet t c tcp dport 80 meta mark set 0x52'
--         sudo bin/moonhook run examples/tcpreject.lua
--         in the kernel, with a script that marks: sudo bin/moonhook run reject-port --attach tcx (FORWARD_TOO = false)
-- Change: MARK, FORWARD_TOO

local MARK = 0x52
local FORWARD_TOO = true -- a device (--attach tcx) has no FORWARD

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT
local TCP, TCP_HEADER, IPV6_HEADER, ETHERNET_HEADER = 6, 20, 40, 14
local FIN, SYN, RST, ACK = 1, 2, 4, 16
local FRAGMENT_OFFSET = byteorder.hton16(0x1fff)
local DONT_FRAGMENT, TTL = 0x4000, 64

-- The TCP header of the reset for one packet (RFC 9293, 3.10.7.1): what acknowledges something is answered at the
-- number it expects; anything else is acknowledged, SYN and FIN counting as one byte each. Nil for a reset.
local function reset_for(header, payload)
  local sport, dport, sequence, acknowledged, offset_flags = string.unpack(">I2I2I4I4I2", header)
  if offset_flags & RST ~= 0 then return nil end
  local flags
  if offset_flags & ACK ~= 0 then
    sequence, acknowledged, flags = acknowledged, 0, RST
  else
    local length = payload + (offset_flags & SYN ~= 0 and 1 or 0) + (offset_flags & FIN ~= 0 and 1 or 0)
    sequence, acknowledged, flags = 0, (sequence + length) & 0xffffffff, RST | ACK
  end
  return string.pack(">I2I2I4I4I2I2I2I2", dport, sport, sequence, acknowledged, 5 << 12 | flags, 0, 0, 0), dport
end

-- Sends a packet back where `skb` came from: a copy gives room, device and link header. Raises where there is no link
-- header to turn round.
local function send_back(skb, bytes)
  local reply = skb:copy()
  reply:resize(#bytes)
  local packet = reply:data("net")
  packet:setstring(0, bytes)
  reply:checksum()
  local frame = reply:data("mac")
  if #frame - #packet == ETHERNET_HEADER then -- other devices may have no link header
    local destination, source = frame:getstring(0, 6), frame:getstring(6, 6)
    frame:setstring(0, source .. destination)
  end
  reply:forward()
end

local function hook(skb)
  local packet = skb:data("net")
  local first, tcp, header = packet:getuint8(0), nil, nil
  if first >> 4 == 4 then
    if packet:getuint8(9) ~= TCP then return ACCEPT end
    if packet:getuint16(6) & FRAGMENT_OFFSET ~= 0 then return DROP end
    tcp = (first & 15) * 4
    header = string.pack(">BBI2I2I2BBI2", 0x45, 0, 20 + TCP_HEADER, 0, DONT_FRAGMENT, TTL, TCP, 0)
      .. packet:getstring(16, 4) .. packet:getstring(12, 4)
  else
    if packet:getuint8(6) ~= TCP then return ACCEPT end
    tcp = IPV6_HEADER
    header = string.pack(">I4I2BB", 6 << 28, TCP_HEADER, TCP, TTL)
      .. packet:getstring(24, 16) .. packet:getstring(8, 16)
  end
  if tcp + TCP_HEADER > #packet then return DROP end

  local payload = #packet - tcp - (packet:getuint8(tcp + 12) >> 4) * 4
  local reset, port = reset_for(packet:getstring(tcp, TCP_HEADER), math.max(payload, 0))
  if reset then
    local sent = pcall(send_back, skb, header .. reset)
    print("tcpreject: " .. (sent and "refused port " or "dropped, for no answer can be sent, port ") .. port)
  end
  return DROP
end

local pri = nf.ip.pri
local stations = { [nf.inet.PRE_ROUTING] = pri.MANGLE + 1 }
if FORWARD_TOO then stations[nf.inet.FORWARD] = pri.FILTER end
for hooknum, priority in pairs(stations) do
  netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = hooknum, priority = priority, mark = MARK }
end
