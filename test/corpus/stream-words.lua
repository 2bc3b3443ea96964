-- Looks for a word in HTTP requests even when it is split over packets: keeps the whole stream of each connection.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local WORDS = { "/forbidden/", "sqlmap" }

local streams = {}

local function key_of(d, tcp)
  return d:getstring(12, 8) .. d:getstring(tcp, 4)
end

local function hook(skb)
  local d = skb:data()
  local tcp = (d:getuint8(0) & 15) * 4
  if d:getuint8(9) ~= 6 or #d < tcp + 20 then return nf.action.ACCEPT end
  if byteorder.ntoh16(d:getuint16(tcp + 2)) ~= 80 then return nf.action.ACCEPT end

  local key, flags = key_of(d, tcp), d:getuint8(tcp + 13)
  if flags & 7 ~= 0 then -- FIN, SYN, RST
    streams[key] = nil
    return nf.action.ACCEPT
  end
  local start = tcp + (d:getuint8(tcp + 12) >> 4) * 4
  if start >= #d then return nf.action.ACCEPT end

  local sequence = byteorder.ntoh32(d:getuint32(tcp + 4))
  local stream = streams[key]
  if not stream then
    stream = { next = sequence, parts = {} }
    streams[key] = stream
  end
  if sequence ~= stream.next then
    stream.parts, stream.next = {}, sequence -- a gap: start again
  end
  table.insert(stream.parts, d:getstring(start))
  stream.next = (sequence + #d - start) & 0xffffffff

  local text = table.concat(stream.parts)
  for _, word in ipairs(WORDS) do
    if text:find(word, 1, true) then
      print("stream-words: found " .. word .. " in " .. #stream.parts .. " part(s)")
      return nf.action.DROP
    end
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
