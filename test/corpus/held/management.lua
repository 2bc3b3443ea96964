-- Management ports are for the inner interface and its own VLAN only; the device is looked up when the script loads.
local netfilter = require("netfilter")
local linux = require("linux")
local byteorder = require("byteorder")
local nf = require("linux.nf")
local proto = require("linux.socket").ipproto

local PORTS = { [22] = "ssh", [161] = "snmp", [514] = "syslog", [3306] = "mysql" }
local VLAN = 100

local found, inner = pcall(linux.ifindex, "eth1")
if not found then inner = -1 end

local function dport(d)
  local v4 = d:getuint8(0) >> 4 == 4
  local kind = d:getuint8(v4 and 9 or 6)
  local l4 = v4 and (d:getuint8(0) & 15) * 4 or 40
  if (kind == proto.TCP or kind == proto.UDP) and l4 + 4 <= #d then
    return byteorder.ntoh16(d:getuint16(l4 + 2))
  end
  return nil
end

local function hook(skb)
  local verdict = nf.action.ACCEPT
  local port = dport(skb:data())
  local service = port and PORTS[port]
  if service and not (skb:ifindex() == inner and skb:vlan() == VLAN) then
    verdict = nf.action.DROP
    print("management: " .. service .. " from outside")
  end
  return verdict
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
