-- reject-port: marks TCP packets to a list of ports and lets tcpreject.lua answer them: two hooks that work together
-- through the packet mark, and a way to try tcpreject on a capture, where no rule sets marks.
--
-- Try:    bin/moonhook run examples/reject-port.lua --pcap examples/captures/tcp.pcap --local 10.77.0.2,fd77::2
-- Live:   sudo bin/moonhook run examples/reject-port.lua
-- Change: PORTS

local PORTS = { [80] = true }
local MARK = 0x52 -- the one that tcpreject.lua waits for

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local ACCEPT = nf.action.ACCEPT
local TCP = 6
local FRAGMENT_OFFSET = byteorder.hton16(0x1fff)

require("tcpreject")

local function hook(skb)
  local packet = skb:data()
  local first, tcp = packet:getuint8(0), nil
  if first >> 4 == 4 then
    if packet:getuint8(9) ~= TCP or packet:getuint16(6) & FRAGMENT_OFFSET ~= 0 then return ACCEPT end
    tcp = (first & 15) * 4
  else
    if packet:getuint8(6) ~= TCP then return ACCEPT end
    tcp = 40
  end
  if tcp + 4 > #packet or not PORTS[byteorder.ntoh16(packet:getuint16(tcp + 2))] then return ACCEPT end
  return ACCEPT, MARK
end

-- RAW comes before MANGLE, where tcpreject is hooked.
netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW }
