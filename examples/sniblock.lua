-- sniblock: cuts TLS connections to port 443 whose ClientHello asks for a listed server name or one below it.
--
-- A ClientHello may be spread over several TCP segments, and over several TLS records: the beginning of each
-- connection is put together until the name is known. That state is bounded, in bytes for each connection and in
-- connections. The segment that completes a listed name is dropped, and so is all that follows it.
--
-- Hooked at POST_ROUTING: connections of this machine and those it forwards for others. Who wants to can hide the
-- name (encrypted ClientHello, no name at all, QUIC): this is for machines that do not.
--
-- Try:    bin/moonhook run examples/sniblock.lua --pcap examples/captures/tls.pcap
-- Live:   sudo bin/moonhook run examples/sniblock.lua
-- Change: BLOCKED

local BLOCKED = { "blocked.example.com", "tracker.example.net" }
local MOST_BYTES = 16384 -- of a ClientHello; a longer one passes
local MOST_FLOWS = 1024 -- in each of two generations; the cut hello of one pushed out by so many others passes
local MOST_NAME = 255 -- bytes

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local DROP, ACCEPT = nf.action.DROP, nf.action.ACCEPT
local TCP, TCP_HEADER, SYN = 6, 20, 2
local HTTPS = byteorder.hton16(443)
local FRAGMENT_OFFSET = byteorder.hton16(0x1fff)
local HANDSHAKE_RECORD, CLIENT_HELLO, SERVER_NAME, HOST_NAME = 22, 1, 0, 0 -- RFC 8446, RFC 6066

local blocked = {}
for _, name in ipairs(BLOCKED) do blocked[name:lower()] = true end

local function is_blocked(name)
  while name do
    if blocked[name] then return true end
    name = name:match("%.(.*)")
  end
  return false
end

-- Flows in two generations: when the young one is full it becomes the old one, and what was old is forgotten.
local young, old, count = {}, {}, 0

local function remember(key, flow)
  if count == MOST_FLOWS then young, old, count = {}, young, 0 end
  young[key] = flow
  count = count + 1
end

local function forget(key) young[key], old[key] = nil, nil end

-- As many bytes as the IP header says; one that says nothing comes with the largest of super-packets.
local function is_whole(packet, v4)
  local says = byteorder.ntoh16(packet:getuint16(v4 and 2 or 4))
  return says == 0 or says + (v4 and 0 or 40) <= #packet
end

-- The whole ClientHello at the beginning of a stream; false if more bytes are needed, nil if this is none.
local function client_hello(stream)
  local handshake, at = "", 1
  while #stream >= at + 4 do
    local kind, major, _, length = string.unpack(">BBBI2", stream, at)
    if kind ~= HANDSHAKE_RECORD or major ~= 3 or length == 0 then return nil end
    handshake = handshake .. stream:sub(at + 5, at + 4 + length)
    at = at + 5 + length
    if #handshake >= 4 then
      local message, bytes = string.unpack(">BI3", handshake)
      if message ~= CLIENT_HELLO then return nil end
      if #handshake >= 4 + bytes then return handshake:sub(5, 4 + bytes) end
    end
  end
  return false
end

-- The server name that a ClientHello asks for, in lower case, or nil. Raises when lengths in it are wrong.
local function server_name(hello)
  -- Version and random number; session, cipher suites and compression methods, each behind its length.
  local _, _, _, extensions = string.unpack(">s1s2s1s2", hello, 2 + 32 + 1)
  local at = 1
  while at <= #extensions do
    local kind, body
    kind, body, at = string.unpack(">I2s2", extensions, at)
    if kind == SERVER_NAME then
      local name_kind, name = string.unpack(">Bs2", body, 3)
      return name_kind == HOST_NAME and #name <= MOST_NAME and name:lower() or nil
    end
  end
end

-- Takes the next bytes of a flow and decides.
local function advance(key, flow, bytes)
  flow.stream = flow.stream .. bytes
  flow.next = flow.next + #bytes
  local hello = client_hello(flow.stream)
  if hello == false and #flow.stream <= MOST_BYTES then return ACCEPT end
  local good, name
  if hello then good, name = pcall(server_name, hello) end
  if good and name and is_blocked(name) then
    flow.cut, flow.stream = true, nil
    print("sniblock: cut " .. name:gsub("[^%w._-]", "?"))
    return DROP
  end
  forget(key)
  return ACCEPT
end

local function hook(skb)
  local packet = skb:data()
  local first, addresses, tcp = packet:getuint8(0), nil, nil
  local v4 = first >> 4 == 4
  if v4 then
    if packet:getuint8(9) ~= TCP or packet:getuint16(6) & FRAGMENT_OFFSET ~= 0 then return ACCEPT end
    tcp = (first & 15) * 4
    addresses = packet:getstring(12, 8)
  else
    if packet:getuint8(6) ~= TCP then return ACCEPT end
    tcp = 40
    addresses = packet:getstring(8, 32)
  end
  if tcp + TCP_HEADER > #packet or packet:getuint16(tcp + 2) ~= HTTPS then return ACCEPT end

  local key = addresses .. packet:getstring(tcp, 4)
  local sequence = byteorder.ntoh32(packet:getuint32(tcp + 4))
  if packet:getuint8(tcp + 13) & SYN ~= 0 then
    sequence = sequence + 1
    forget(key)
    remember(key, { next = sequence, stream = "" })
  end
  local flow = young[key] or old[key]
  if flow and flow.cut then return DROP end
  local payload = tcp + (packet:getuint8(tcp + 12) >> 4) * 4
  if payload >= #packet then return ACCEPT end
  if not flow then
    -- Decided, or begun before this script, or forgotten: only what may be the beginning of a handshake is looked at.
    if packet:getuint8(payload) ~= HANDSHAKE_RECORD then return ACCEPT end
    flow = { next = sequence, stream = "" }
    remember(key, flow)
  end
  if not is_whole(packet, v4) then -- a capture with cut packets: such a stream cannot be followed
    forget(key)
    return ACCEPT
  end

  -- Sequence numbers are 32 bits wide and start again at 0.
  local seen = (flow.next - sequence) & 0xffffffff
  -- A gap before this segment: without it TCP will send both again, in order.
  if seen >= 1 << 31 then return DROP end
  if payload + seen >= #packet then return ACCEPT end -- sent again
  return advance(key, flow, packet:getstring(payload + seen))
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = nf.ip.pri.FILTER }
