-- SNMP v1 and v2c with a default community string are dropped; what is asked for is read from the BER by hand.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local DEFAULTS = { public = true, private = true, manager = true, cisco = true }

-- Reads one element: its tag, where its contents begin, and where the next element begins.
local function element(p, at)
  assert(at + 2 <= #p, "SNMP message ends early")
  local tag, length = p:getuint8(at), p:getuint8(at + 1)
  at = at + 2
  if length & 0x80 ~= 0 then
    local bytes = length & 0x7f
    assert(bytes >= 1 and bytes <= 2, "SNMP length too large")
    length = 0
    for i = at, at + bytes - 1 do
      length = length << 8 | p:getuint8(i)
    end
    at = at + bytes
  end
  return tag, at, at + length
end

local function community(p, at)
  local tag, version, after
  tag, at = element(p, at)
  if tag ~= 0x30 then error("no SNMP message", 0) end
  tag, version, after = element(p, at)
  if tag ~= 2 or p:getuint8(version) > 1 then return nil end -- version 3 has no community
  local _, from, to = element(p, after)
  if to <= from then return "" end
  return p:getstring(from, to - from)
end

netfilter.register{
  hook = function(skb)
    local p = skb:data()
    local udp = (p:getuint8(0) & 0xf) * 4
    if p:getuint8(9) ~= 17 or #p <= udp + 8 then return nf.action.ACCEPT end
    if string.unpack(">I2", p:getstring(udp + 2, 2)) ~= 161 then return nf.action.ACCEPT end
    local good, name = pcall(community, p, udp + 8)
    if not good then
      print("snmp: " .. name:gsub("^.-:%d+: ", ""))
      return nf.action.DROP
    end
    if name and DEFAULTS[name] then
      print("snmp: default community '" .. name .. "'")
      return nf.action.DROP
    end
    return nf.action.ACCEPT
  end,
  pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER,
}
