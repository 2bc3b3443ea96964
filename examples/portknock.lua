-- portknock: a TCP port that is closed until a source has knocked: connection attempts to the listed ports, in
-- order, open it for this source for some seconds. What is connected by then stays connected.
--
-- Hooked at LOCAL_IN: it guards this machine. Only attempts (SYN without ACK) are looked at. The knocks themselves
-- get no answer, so whoever probes the ports sees nothing there; knock one after the other (`nc -z -w 1`), for a
-- client that still waits for an earlier knock repeats it.
--
-- Try:    bin/moonhook run examples/portknock.lua --pcap examples/captures/knock.pcap --local 10.77.0.2,fd77::2
-- Live:   sudo bin/moonhook run examples/portknock.lua
-- Change: KNOCKS, GUARDED and the times

local KNOCKS = { 7000, 8000, 9000 } -- all different
local GUARDED = 22
local KNOCK_SECONDS = 5 -- from the first knock to the last
local OPEN_SECONDS = 5 -- to connect after the last
local MOST_SOURCES = 1024 -- in each of two generations

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local linux = require("linux")
local nf = require("linux.nf")

local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT
local TCP, TCP_HEADER, SYN, ACK = 6, 20, 2, 16
local FRAGMENT_OFFSET = byteorder.hton16(0x1fff)
local SECOND = 1000000000

local is_knock = {}
for _, port in ipairs(KNOCKS) do is_knock[port] = true end

-- Visitors in two generations: when the young one is full it becomes the old one, and what was old is forgotten.
local young, old, count = {}, {}, 0

local function remember(source, visitor)
  if count == MOST_SOURCES then young, old, count = {}, young, 0 end
  young[source] = visitor
  count = count + 1
end

local function text_of(source)
  if #source == 4 then return string.format("%d.%d.%d.%d", source:byte(1, 4)) end
  return string.format("%x:%x:%x:%x:%x:%x:%x:%x", string.unpack(">I2I2I2I2I2I2I2I2", source))
end

-- One step of the state machine. A visitor is { step = knocks heard, began =, open_until = } (nanoseconds).
local function knock(source, visitor, port, now)
  if visitor and visitor.step > 0 and now - visitor.began > KNOCK_SECONDS * SECOND then visitor.step = 0 end
  local step = visitor and visitor.step or 0
  if port == KNOCKS[step + 1] then
    step = step + 1
  elseif port ~= KNOCKS[step] then -- the same knock again is only TCP trying again, for nobody answers
    step = port == KNOCKS[1] and 1 or 0
  end
  if not visitor then
    if step == 0 then return end -- strangers cost no memory
    visitor = { step = 0, began = now, open_until = now }
    remember(source, visitor)
  end
  if step == 1 and visitor.step ~= 1 then visitor.began = now end
  visitor.step = step
  if step == #KNOCKS then
    visitor.step = 0
    visitor.open_until = now + OPEN_SECONDS * SECOND
    print("portknock: open for " .. text_of(source))
  end
end

local function hook(skb)
  local packet = skb:data()
  local first, source, tcp = packet:getuint8(0), nil, nil
  if first >> 4 == 4 then
    if packet:getuint8(9) ~= TCP or packet:getuint16(6) & FRAGMENT_OFFSET ~= 0 then return ACCEPT end
    source, tcp = packet:getstring(12, 4), (first & 15) * 4
  else
    if packet:getuint8(6) ~= TCP then return ACCEPT end
    source, tcp = packet:getstring(8, 16), 40
  end
  if tcp + TCP_HEADER > #packet or packet:getuint8(tcp + 13) & (SYN | ACK) ~= SYN then return ACCEPT end

  local port = byteorder.ntoh16(packet:getuint16(tcp + 2))
  local visitor, now = young[source] or old[source], linux.time()
  if port == GUARDED then
    if visitor and now < visitor.open_until then return ACCEPT end
    print("portknock: closed for " .. text_of(source))
    return DROP
  end
  knock(source, visitor, port, now) -- any other port is a wrong knock: a port scan opens nothing
  return is_knock[port] and DROP or ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
