-- Two hooks that work together: the first gives web traffic of strangers a mark, the second sees only what carries
-- it, and lets every third such packet through.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local MARK = 0x57
local PORTS = { 80, 443, 8080 }
local FRIENDS = "^\10"

local function is_web(d, tcp)
  local port = byteorder.ntoh16(d:getuint16(tcp + 2))
  for i = 1, #PORTS do
    if PORTS[i] == port then return true end
  end
  return false
end

local function classify(skb)
  local d = skb:data()
  local tcp = (d:getuint8(0) & 0xf) * 4
  if d:getuint8(9) == 6 and is_web(d, tcp) and not d:getstring(12, 4):find(FRIENDS) then
    return nf.action.ACCEPT, MARK
  end
  return nf.action.ACCEPT
end

local turn = 0
local function limit()
  turn = (turn + 1) % 3
  if turn == 0 then return nf.action.ACCEPT end
  return nf.action.DROP
end

netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE, hook = classify }
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER, mark = MARK, hook = limit }
