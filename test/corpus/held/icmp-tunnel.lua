-- Large echo requests may carry a tunnel: shows the beginning of their contents in hexadecimal, then drops them.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local LARGEST = 128

local function dump(data, at, count)
  local buffer = ""
  for i = 0, count - 1 do
    if i > 0 and i % 4 == 0 then buffer = buffer .. " " end
    buffer = buffer .. string.format("%02X", data:getuint8(at + i))
  end
  return buffer
end

local function echo(data, at)
  local length = #data - at - 8
  if length > LARGEST then
    print("icmp-tunnel: " .. length .. " bytes: " .. dump(data, at + 8, 16) .. string.rep(".", 3))
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{
  hook = function(skb)
    local data = skb:data()
    local icmp = (data:getuint8(0) & 15) * 4
    if data:getuint8(9) == 1 and #data >= icmp + 8 and data:getuint8(icmp) == 8 then
      return echo(data, icmp)
    end
    return nf.action.ACCEPT
  end,
  pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER,
}

netfilter.register{
  hook = function(skb)
    local data = skb:data()
    if data:getuint8(6) == 58 and #data >= 48 and data:getuint8(40) == 128 then
      return echo(data, 40)
    end
    return nf.action.ACCEPT
  end,
  pf = nf.proto.IPV6, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER,
}
