-- A stateful firewall for a small server: replies and related traffic come in, new connections only to what we offer.
local netfilter = require("netfilter")
local conntrack = require("conntrack")
local nf = require("linux.nf")

local TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
local OPEN = {
  [TCP] = { [22] = true, [80] = true, [443] = true },
  [UDP] = { [53] = true, [123] = true },
}
local INFO = nf.ct.info

local refused = 0

local function allowed(tuple)
  if tuple.protocol == ICMP or tuple.protocol == ICMP6 then
    return true
  end
  local ports = OPEN[tuple.protocol]
  return ports ~= nil and ports[tuple.dport] == true
end

local function hook(skb)
  local ct, info = conntrack.get(skb)
  if not ct then
    if info == INFO.UNTRACKED then return nf.action.ACCEPT end
    print("stateful: invalid packet of " .. #skb .. " bytes")
    return nf.action.DROP
  end
  if info ~= INFO.NEW then return nf.action.ACCEPT end

  local tuple = ct:tuple()
  if allowed(tuple) then return nf.action.ACCEPT end
  refused = refused + 1
  print(("stateful: protocol %d to port %d refused (%d so far)"):format(tuple.protocol, tuple.dport or 0, refused))
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
