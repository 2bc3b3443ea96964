-- Blocks DNS queries for names on a list, and for every name below them. IPv4 and IPv6, UDP only.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local list = {
  "ads.example.com",
  "tracker.example.net",
  "doubleclick.test",
}

local blocked = {}
for _, name in ipairs(list) do blocked[name] = true end

-- "www.example.com", or nil when the packet ends before the name does
local function read_qname(packet, offset)
  local labels = {}
  local size = #packet
  while true do
    if offset >= size then return nil end
    local length = packet:getuint8(offset)
    if length == 0 then break end
    if length > 63 or offset + 1 + length > size then return nil end
    labels[#labels + 1] = packet:getstring(offset + 1, length)
    offset = offset + 1 + length
  end
  return table.concat(labels, "."):lower()
end

local function is_blocked(name)
  repeat
    if blocked[name] then return true end
    local dot = name:find(".", 1, true)
    name = dot and name:sub(dot + 1)
  until not name
  return false
end

local function hook(skb)
  local packet = skb:data()
  local version = packet:getuint8(0) >> 4
  local protocol, udp
  if version == 4 then
    protocol, udp = packet:getuint8(9), (packet:getuint8(0) & 0xf) * 4
  else
    protocol, udp = packet:getuint8(6), 40
  end
  if protocol ~= 17 or udp + 8 + 12 >= #packet then return nf.action.ACCEPT end
  if byteorder.ntoh16(packet:getuint16(udp + 2)) ~= 53 then return nf.action.ACCEPT end

  local name = read_qname(packet, udp + 20)
  if name and is_blocked(name) then
    print("dns: blocked " .. name)
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE }
netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_OUT, priority = nf.ip.pri.MANGLE }
