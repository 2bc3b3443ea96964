-- How long servers take to answer: the time from SYN to SYN-ACK, by server port, with the slowest so far.
local netfilter, linux, nf = require("netfilter"), require("linux"), require("linux.nf")

local started, slowest = {}, {}

local function ports(d, ihl)
  return d:getuint8(ihl) << 8 | d:getuint8(ihl + 1), d:getuint8(ihl + 2) << 8 | d:getuint8(ihl + 3)
end

local function flow(a, b, x, y)
  return ("%s%s%d:%d"):format(a, b, x, y)
end

local function ms(ns)
  return string.format("%d.%03d ms", ns // 1000000, ns // 1000 % 1000)
end

local function watch(skb)
  local d = skb:data()
  local ihl = (d:getuint8(0) & 15) * 4
  if d:getuint8(9) ~= 6 or #d < ihl + 20 then return nf.action.ACCEPT end
  local flags = d:getuint8(ihl + 13) & 0x12
  if flags ~= 0x02 and flags ~= 0x12 then return nf.action.ACCEPT end
  local src, dst = d:getstring(12, 4), d:getstring(16, 4)
  local sport, dport = ports(d, ihl)
  if flags == 0x02 then
    started[flow(src, dst, sport, dport)] = linux.time()
    return nf.action.ACCEPT
  end
  local key = flow(dst, src, dport, sport)
  local since = started[key]
  if since then
    started[key] = nil
    local took = linux.difftime(linux.time(), since)
    if took > (slowest[sport] or 0) then
      slowest[sport] = took
      print("handshake: port " .. sport .. " now " .. ms(took))
    end
  end
  return nf.action.ACCEPT
end

for _, hooknum in ipairs{ nf.inet.PRE_ROUTING, nf.inet.LOCAL_OUT } do
  netfilter.register{ hook = watch, pf = nf.proto.IPV4, hooknum = hooknum, priority = nf.ip.pri.LAST }
end
