-- Port scan detector: whoever tries more than five different ports within a minute is shut out for five.
global netfilter, nf, linux, byteorder
global require, print, string

netfilter = require("netfilter")
nf = require("linux.nf")
linux = require("linux")
byteorder = require("byteorder")

local MINUTE <const> = 60 * 1000000000
local MOST <const> = 5

local visitors = {}

local function visitor_of(source, now)
  local v = visitors[source]
  if not v or now - v.since > MINUTE then
    v = { since = now, ports = {}, count = 0, banned = v and v.banned or 0 }
    visitors[source] = v
  end
  return v
end

local function hook(skb)
  local p = skb:data()
  local tcp = (p:getuint8(0) & 15) * 4
  if p:getuint8(9) ~= 6 or #p < tcp + 14 then return nf.action.ACCEPT end
  local now = linux.time()
  local source = byteorder.be32toh(p:getuint32(12))
  local v = visitor_of(source, now)
  if now < v.banned then return nf.action.DROP end
  if p:getuint8(tcp + 13) & 0x3f == 0x02 then
    local port = byteorder.be16toh(p:getuint16(tcp + 2))
    if not v.ports[port] then
      v.ports[port] = true
      v.count = v.count + 1
    end
    if v.count > MOST then
      v.banned = now + 5 * MINUTE
      print(string.format("scan-detector: banned %d.%d.%d.%d", source >> 24, source >> 16 & 255, source >> 8 & 255, source & 255))
      return nf.action.DROP
    end
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
