-- Virtual hosts that may not be visited over plain HTTP: reads the Host header of requests to port 80.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local FORBIDDEN = { ["blocked.example.com"] = true, ["casino.example"] = true }

local function payload(packet)
  local ihl = (packet:getuint8(0) & 0x0F) * 4
  if packet:getuint8(9) ~= 6 or #packet < ihl + 20 then return nil end
  local dport = string.unpack(">I2", packet:getstring(ihl + 2, 2))
  if dport ~= 80 then return nil end
  local start = ihl + (packet:getuint8(ihl + 12) >> 4) * 4
  if start >= #packet then return nil end
  return packet:getstring(start)
end

local function hook(skb)
  local text = payload(skb:data())
  if not text or not text:match("^%u+ %S+ HTTP/1%.[01]\r\n") then
    return nf.action.ACCEPT
  end
  local host = text:match("\r\n[Hh][Oo][Ss][Tt]:%s*([^%s:]+)")
  if host and FORBIDDEN[host:lower()] then
    print("http-host: " .. host .. " refused")
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER }
