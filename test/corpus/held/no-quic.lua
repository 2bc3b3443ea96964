-- Blocks QUIC, so that browsers fall back to TLS over TCP, which we can filter: UDP 443 with the long header's form bit.
local netfilter = require("netfilter")
local nf = require("linux.nf")
local byteorder = require("byteorder")

local config = { port = 443, reject_short = false }

local function make(transport_offset)
  local accept, drop = nf.action.ACCEPT, nf.action.DROP
  return function(skb)
    local p = skb:data()
    local udp = transport_offset(p)
    if not udp or udp + 9 > #p then return accept end
    if byteorder.ntoh16(p:getuint16(udp + 2)) ~= config.port then return accept end
    local first = p:getint8(udp + 8) -- negative: the top bit is set
    if first < 0 then
      local version = udp + 13 <= #p and byteorder.ntoh32(p:getuint32(udp + 9)) or 0
      print(("quic: version %08x refused"):format(version))
      return drop
    end
    return config.reject_short and drop or accept
  end
end

local hook4 = make(function(p) if p:getuint8(9) == 17 then return (p:getuint8(0) & 15) * 4 end end)
local hook6 = make(function(p) if p:getuint8(6) == 17 then return 40 end end)

netfilter.register{ hook = hook4, pf = nf.proto.IPV4, hooknum = nf.inet.FORWARD, priority = nf.ip.pri.FILTER }
netfilter.register{ hook = hook6, pf = nf.proto.IPV6, hooknum = nf.inet.FORWARD, priority = nf.ip.pri.FILTER }
