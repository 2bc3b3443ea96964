-- Only these networks may talk to us over IPv4. The list is written as people write it and parsed once.
local NETWORKS = { "10.0.0.0/8", "192.168.0.0/16", "198.51.100.64/26" }

local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local function parse(cidr)
  local a, b, c, d, bits = cidr:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$")
  assert(a, "not a network: " .. cidr)
  local address = a * 0x1000000 + b * 0x10000 + c * 0x100 + d
  local mask = (0xffffffff << (32 - tonumber(bits))) & 0xffffffff
  return { address = address & mask, mask = mask }
end

local networks = {}
for i, cidr in ipairs(NETWORKS) do networks[i] = parse(cidr) end

local function hook(skb)
  local source = byteorder.ntoh32(skb:data():getuint32(12))
  for _, net in ipairs(networks) do
    if source & net.mask == net.address then return nf.action.ACCEPT end
  end
  if source == 0 then return nf.action.ACCEPT end -- DHCP clients have no address yet
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
