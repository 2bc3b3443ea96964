-- DNS filter by category: each domain has labels, and a policy says which labels are refused. Both families.
local netfilter, set, nf = require("netfilter"), require("set"), require("linux.nf")

local ADS, TRACKING, CODE, MEDIA = 1, 2, 4, 8
local domains = set.labeled{
  ["ads.example.com"] = ADS,
  ["tracker.example.net"] = ADS | TRACKING,
  ["github.com"] = CODE,
  ["example.org"] = MEDIA,
}
local REFUSED = ADS | MEDIA
local NAMES = { [ADS] = "ads", [TRACKING] = "tracking", [CODE] = "code", [MEDIA] = "media" }

-- Reads the name of the first question; nil when it does not fit the packet.
local function question(pkt, at)
  local labels = {}
  while at < #pkt do
    local length = pkt:getuint8(at)
    if length == 0 then return table.concat(labels, "."):lower() end
    if length > 63 or at + length >= #pkt then return nil end
    labels[#labels + 1] = pkt:getstring(at + 1, length)
    at = at + length + 1
  end
end

local function udp_header(pkt)
  if pkt:getuint8(0) >> 4 == 6 then
    return pkt:getuint8(6) == 17 and 40 or nil
  end
  return pkt:getuint8(9) == 17 and (pkt:getuint8(0) & 15) * 4 or nil
end

local function hook(skb)
  local pkt = skb:data()
  local udp = udp_header(pkt)
  if not udp or #pkt < udp + 8 + 12 or pkt:getuint8(udp + 2) ~= 0 or pkt:getuint8(udp + 3) ~= 53 then
    return nf.action.ACCEPT
  end
  local name = question(pkt, udp + 8 + 12)
  if not name then return nf.action.ACCEPT end
  local found = domains:match(name)
  if found & REFUSED == 0 then return nf.action.ACCEPT end
  local why = {}
  for _, label in ipairs{ ADS, TRACKING, CODE, MEDIA } do
    if found & label ~= 0 then why[#why + 1] = NAMES[label] end
  end
  print("dns: " .. name .. " refused (" .. table.concat(why, ", ") .. ")")
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 0 }
netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.FORWARD, priority = 0 }
