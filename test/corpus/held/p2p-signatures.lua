-- Recognises peer-to-peer and other unwanted protocols by their first bytes, whatever port they use.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local signatures = {
  { name = "bittorrent", proto = 6, bytes = "\19BitTorrent protocol" },
  { name = "redis",      proto = 6, bytes = "*1\r\n$8\r\nFLUSHALL" },
  { name = "sip scan",   proto = 17, text = "friendly-scanner" },
  { name = "wireguard",  proto = 17, bytes = "\1\0\0\0", length = 148 },
}

local function payload_of(packet)
  local ihl = (packet:getuint8(0) & 0x0f) * 4
  local proto = packet:getuint8(9)
  local start
  if proto == 17 then
    start = ihl + 8
  elseif proto == 6 and ihl + 20 <= #packet then
    start = ihl + (packet:getuint8(ihl + 12) >> 4) * 4
  end
  if start and start < #packet then
    return proto, packet:getstring(start)
  end
end

local function matches(signature, proto, payload)
  if signature.proto ~= proto then return false end
  if signature.length and #payload ~= signature.length then return false end
  if signature.bytes and payload:sub(1, #signature.bytes) ~= signature.bytes then return false end
  if signature.text and not payload:find(signature.text, 1, true) then return false end
  return true
end

netfilter.register{
  pf = nf.proto.IPV4,
  hooknum = nf.inet.FORWARD,
  priority = nf.ip.pri.FILTER,
  hook = function(skb)
    local proto, payload = payload_of(skb:data())
    if payload then
      for _, s in ipairs(signatures) do
        if matches(s, proto, payload) then
          print("p2p: " .. s.name)
          return nf.action.DROP
        end
      end
    end
    return nf.action.ACCEPT
  end,
}
