-- DHCP: logs who asks for what, and drops offers and acknowledgements of servers that are not ours.
local nf = require("linux.nf")
local byteorder = require("byteorder")

local SERVERS = { ["10.0.0.1"] = true }
local TYPES = { "discover", "offer", "request", "decline", "ack", "nak", "release", "inform" }
local COOKIE = 0x63825363

local function ip_text(bytes)
  return ("%d.%d.%d.%d"):format(bytes:byte(1, 4))
end

local function mac_text(bytes)
  return (bytes:gsub(".", function(c) return ("%02x:"):format(c:byte()) end):sub(1, -2))
end

-- calls f(code, value) for each option
local function each_option(p, at, f)
  local stop = #p
  while at < stop do
    local code = p:getuint8(at)
    if code == 255 then return end
    if code == 0 then
      at = at + 1
    else
      if at + 2 > stop then return end
      local length = p:getuint8(at + 1)
      if length == 0 or at + 2 + length > stop then return end
      f(code, p:getstring(at + 2, length))
      at = at + 2 + length
    end
  end
end

local function hook(skb)
  local p = skb:data()
  if p:getuint8(9) ~= 17 then return nf.action.ACCEPT end
  local udp = (p:getuint8(0) & 15) * 4
  local bootp = udp + 8
  if #p < bootp + 240 then return nf.action.ACCEPT end
  local sport = byteorder.ntoh16(p:getuint16(udp))
  if sport ~= 67 and sport ~= 68 then return nf.action.ACCEPT end
  if byteorder.ntoh32(p:getuint32(bootp + 236)) ~= COOKIE then return nf.action.ACCEPT end

  local kind, host, server
  each_option(p, bootp + 240, function(code, value)
    if code == 53 then
      kind = value:byte()
    elseif code == 12 then
      host = value
    elseif code == 54 and #value == 4 then
      server = ip_text(value)
    end
  end)

  local mac = mac_text(p:getstring(bootp + 28, 6))
  print(("dhcp: %s from %s%s"):format(TYPES[kind] or "?", mac, host and " (" .. host .. ")" or ""))
  if sport == 67 and (kind == 2 or kind == 5) and not SERVERS[server] then
    print("dhcp: " .. (server or "nobody") .. " is not our server")
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

require("netfilter").register{
  hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER,
}
