-- Hosts that an administrator has put in quarantine: "conntrack -U --mark" or a CONNMARK rule sets bit 16 of the
-- connection's mark, and from then on the connection may only speak DNS and HTTP to the portal. What belongs to no
-- connection could be anybody's: it is dropped.
local netfilter = require("netfilter")
local linux = require("linux")
local nf = require("linux.nf")

local QUARANTINE = 1 << 16
local PORTAL = 0x0a000001 -- 10.0.0.1

local dropped = {}

local function u16(pkt, at) return pkt:getuint8(at) << 8 | pkt:getuint8(at + 1) end

local function may_pass(pkt)
  local dst = pkt:getuint8(16) << 24 | pkt:getuint8(17) << 16 | u16(pkt, 18)
  local ihl = (pkt:getuint8(0) & 0x0f) << 2
  local protocol = pkt:getuint8(9)
  if protocol ~= 6 and protocol ~= 17 or #pkt < ihl + 4 then return false end
  local port = u16(pkt, ihl + 2)
  if port == 53 then return true end
  return dst == PORTAL and (port == 80 or port == 443)
end

local function hook(skb)
  local mark = skb:connmark()
  if not mark then
    print("quarantine: a packet of no connection")
    return nf.action.DROP
  end
  if mark & QUARANTINE == 0 then return nf.action.ACCEPT end
  local pkt = skb:data()
  if may_pass(pkt) then return nf.action.ACCEPT end
  local src = pkt:getstring(12, 4)
  local last = dropped[src]
  local now = linux.time()
  -- One line a minute for each host is enough.
  if last == nil or now - last > 60 * 1000000000 then
    dropped[src] = now
    print("quarantine: " .. table.concat({ src:byte(1, 4) }, "."))
  end
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE }
netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
