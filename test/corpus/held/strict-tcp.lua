-- Strict checks of TCP headers. A check that fails raises an error, which is caught in one place and becomes a DROP.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local function check(condition, message)
  if not condition then error({ reason = message }) end
end

local function verify(p)
  local tcp = (p:getuint8(0) & 15) * 4
  check(tcp >= 20, "ip header length")
  check(#p >= tcp + 20, "header is cut")
  local length = (p:getuint8(tcp + 12) >> 4) * 4
  check(length >= 20, "header length below 20")
  check(tcp + length <= #p, "header length beyond the packet")
  local sport = p:getuint8(tcp) << 8 | p:getuint8(tcp + 1)
  local dport = p:getuint8(tcp + 2) << 8 | p:getuint8(tcp + 3)
  check(sport ~= 0 and dport ~= 0, "port 0")
  local flags = p:getuint8(tcp + 13)
  check(flags & 3 ~= 3, "SYN and FIN")
  check(flags & 0x3f ~= 0, "no flags")
  check(flags & 2 == 0 or tcp + length == #p, "SYN with data")
end

local function hook(skb)
  local p = skb:data()
  if p:getuint8(9) ~= 6 or p:getuint8(6) & 0x1f ~= 0 or p:getuint8(7) ~= 0 then return nf.action.ACCEPT end
  local ok, problem = pcall(verify, p)
  if ok then return nf.action.ACCEPT end
  print("strict-tcp: " .. (type(problem) == "table" and problem.reason or tostring(problem)))
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW }
