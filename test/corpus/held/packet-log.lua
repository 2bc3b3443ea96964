-- One line for each new TCP connection and each UDP packet to a low port, in the style of tcpdump; learner's version.
local netfilter = require("netfilter")
local nf = require("linux.nf")

count = 0

function log(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    parts[#parts + 1] = v == nil and "-" or tostring(v)
  end
  print(table.concat(parts, " "))
end

function address(packet, offset, length)
  if length == 4 then
    local t = {}
    for i = 0, 3 do t[i + 1] = packet:getuint8(offset + i) end
    return table.concat(t, ".")
  end
  local words = {}
  for i = 0, 14, 2 do
    words[#words + 1] = string.format("%x", packet:getuint8(offset + i) * 256 + packet:getuint8(offset + i + 1))
  end
  return table.concat(words, ":")
end

function hook(skb)
  local packet = skb:data("net")
  local version = packet:getuint8(0) >> 4
  local src, dst, proto, l4
  if version == 4 then
    src, dst = address(packet, 12, 4), address(packet, 16, 4)
    proto, l4 = packet:getuint8(9), (packet:getuint8(0) & 15) * 4
  else
    src, dst = address(packet, 8, 16), address(packet, 24, 16)
    proto, l4 = packet:getuint8(6), 40
  end
  if proto ~= 6 and proto ~= 17 then return nf.action.ACCEPT end
  local port = packet:getuint8(l4 + 2) * 256 + packet:getuint8(l4 + 3)
  if proto == 17 and port < 1024 then
    count = count + 1
    log(count, "udp", src, "->", dst, port, skb:vlan())
  elseif proto == 6 and packet:getuint8(l4 + 13) == 2 then
    count = count + 1
    log(count, "tcp", src, "->", dst, port, skb:vlan())
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.FORWARD, priority = nf.ip.pri.FILTER }
