-- Finds DNS tunnels by the look of the names: very long labels, many labels, or almost only hexadecimal digits.
local netfilter = require("netfilter")
local nf = require("linux.nf")
local ntoh16 = require("byteorder").ntoh16

local LIMITS <const> = { label = 40, labels = 8, hex = 90 } -- the last one in percent

local suspects = 0

local function inspect(p, at)
  local labels, longest, letters, digits = 0, 0, 0, 0
  local length = p:getuint8(at)
  while length ~= 0 do
    labels = labels + 1
    longest = math.max(longest, length)
    for i = at + 1, at + length do
      local c = p:getuint8(i)
      letters = letters + 1
      if c >= 48 and c <= 57 or c >= 97 and c <= 102 then digits = digits + 1 end
    end
    at = at + 1 + length
    if at >= #p then return nil end
    length = p:getuint8(at)
  end
  return labels, longest, letters > 0 and digits * 100 // letters or 0
end

local function hook(skb)
  local p = skb:data()
  if p:getuint8(9) ~= 17 then return nf.action.ACCEPT end
  local udp = (p:getuint8(0) & 0xf) * 4
  if #p < udp + 25 or ntoh16(p:getuint16(udp + 2)) ~= 53 then return nf.action.ACCEPT end

  local good, labels, longest, hex = pcall(inspect, p, udp + 20)
  if not good or not labels then return nf.action.DROP end -- the name does not end within the packet

  local reason
  if longest > LIMITS.label then
    reason = "label of " .. longest .. " bytes"
  elseif labels > LIMITS.labels then
    reason = labels .. " labels"
  elseif longest >= 16 and hex >= LIMITS.hex then
    reason = hex .. "% hexadecimal"
  end
  if reason then
    suspects = suspects + 1
    print(("dns-tunnel #%d: %s"):format(suspects, reason))
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER }
