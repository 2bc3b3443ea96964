-- Clamps the maximum segment size of connections through us, for tunnels that take off a few bytes. Writes packets.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local MSS = 1360

local function clamp(skb)
  local d = skb:data()
  local v4 = d:getuint8(0) >> 4 == 4
  local tcp = v4 and (d:getuint8(0) & 15) * 4 or 40
  if d:getuint8(v4 and 9 or 6) ~= 6 or #d < tcp + 20 then return nf.action.ACCEPT end
  if d:getuint8(tcp + 13) & 2 == 0 then return nf.action.ACCEPT end

  local stop = math.min(tcp + (d:getuint8(tcp + 12) >> 4) * 4, #d)
  local i = tcp + 20
  while i + 1 < stop do
    local kind, size = d:getuint8(i), d:getuint8(i + 1)
    if kind == 0 then break end
    if kind == 1 then
      i = i + 1
    elseif kind == 2 and size == 4 and i + 4 <= stop then
      if byteorder.ntoh16(d:getuint16(i + 2)) > MSS then
        d:setuint16(i + 2, byteorder.hton16(MSS))
        skb:checksum()
        print("mss clamped")
      end
      break
    elseif size < 2 then
      break
    else
      i = i + size
    end
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = clamp, pf = nf.proto.INET, hooknum = nf.inet.FORWARD, priority = nf.ip.pri.MANGLE }
