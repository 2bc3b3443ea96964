-- ICMPv6 as RFC 4890 recommends it: what must pass, what only with a hop limit of 255, and what nobody needs.
local netfilter, nf = require("netfilter"), require("linux.nf")

local function pass() return true end
local function drop() return false, "not wanted" end
local function local_only(pkt)
  if pkt:getuint8(7) == 255 then return true end
  return false, "came from beyond the link"
end
local function small(limit)
  return function(pkt)
    if #pkt <= 40 + limit then return true end
    return false, "larger than " .. limit
  end
end

local POLICY = {
  [1] = pass, [2] = pass, [3] = pass, [4] = pass,
  [128] = small(64), [129] = small(64),
  [133] = local_only, [134] = local_only, [135] = local_only, [136] = local_only,
  [137] = drop,
}

local counts = setmetatable({}, { __index = function() return 0 end })

local function hook(skb)
  local pkt = skb:data()
  if pkt:getuint8(6) ~= 58 or #pkt < 44 then return nf.action.ACCEPT end
  local kind = pkt:getuint8(40)
  local rule = POLICY[kind]
  if rule == nil then return nf.action.ACCEPT end
  local ok, why = rule(pkt)
  if ok then return nf.action.ACCEPT end
  counts[kind] = counts[kind] + 1
  print(string.format("icmpv6: type %d %s (%d)", kind, why, counts[kind]))
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV6, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
