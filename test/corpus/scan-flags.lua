-- Port scanners send TCP flags that no honest stack does. One table says which, and what they are called.
local netfilter = require("netfilter")
local nf = require("linux.nf")
local A = nf.action

local FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
local ALL = FIN | SYN | RST | PSH | ACK | URG

local bad = {
  [0] = "null",
  [FIN] = "fin only",
  [FIN | PSH | URG] = "xmas",
  [ALL] = "everything",
  [SYN | FIN] = "syn+fin",
  [SYN | RST] = "syn+rst",
  [SYN | FIN | ACK] = "syn+fin+ack",
}

local function transport(p)
  local version = p:getuint8(0) >> 4
  if version == 4 then
    -- later fragments have no TCP header
    if ((p:getuint8(6) & 0x1f) << 8 | p:getuint8(7)) > 0 then return end
    return p:getuint8(9), (p:getuint8(0) & 15) * 4
  elseif version == 6 then
    return p:getuint8(6), 40
  end
end

local function check(skb)
  local p = skb:data()
  local proto, offset = transport(p)
  if proto ~= 6 or #p < offset + 14 then return A.ACCEPT end
  local name = bad[p:getuint8(offset + 13) & ALL]
  if name then
    print("scan: " .. name)
    return A.DROP
  end
  return A.ACCEPT
end

netfilter.register{ hook = check, pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW }
