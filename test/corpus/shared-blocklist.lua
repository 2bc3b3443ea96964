-- A block list that other programs can change while the hook runs: an rcu table of addresses in dotted notation. Whoever
-- touches a trap port is put on it.
local netfilter, rcu, nf = require("netfilter"), require("rcu"), require("linux.nf")

local blocked = rcu.table(4096)
for _, address in ipairs{ "198.18.0.1", "203.0.113.200" } do blocked[address] = true end

local TRAPS = { [23] = "telnet", [445] = "smb", [1433] = "mssql", [3389] = "rdp", [5900] = "vnc" }

local function dotted(pkt, at)
  return string.format("%d.%d.%d.%d", pkt:getuint8(at), pkt:getuint8(at + 1), pkt:getuint8(at + 2), pkt:getuint8(at + 3))
end

local function hook(skb)
  local pkt = skb:data()
  local source = dotted(pkt, 12)
  if blocked[source] then return nf.action.DROP end

  local ihl = (pkt:getuint8(0) & 15) * 4
  if pkt:getuint8(9) ~= 6 or #pkt < ihl + 20 then return nf.action.ACCEPT end
  local syn_only = pkt:getuint8(ihl + 13) & 0x12 == 0x02
  local port = pkt:getuint8(ihl + 2) * 256 + pkt:getuint8(ihl + 3)
  local trap = syn_only and TRAPS[port]
  if trap then
    blocked[source] = true
    print("blocklist: " .. source .. " walked into " .. trap)
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW }
