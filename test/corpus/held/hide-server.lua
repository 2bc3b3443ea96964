-- Overwrites the version in the Server header of HTTP answers, byte for byte. Writes packets.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local function hook(skb)
  local d = skb:data()
  local tcp = (d:getuint8(0) & 15) * 4
  if d:getuint8(9) ~= 6 or #d < tcp + 20 then return nf.action.ACCEPT end
  if string.unpack(">I2", d:getstring(tcp, 2)) ~= 80 then return nf.action.ACCEPT end
  local start = tcp + (d:getuint8(tcp + 12) >> 4) * 4
  if start >= #d then return nf.action.ACCEPT end

  local text = d:getstring(start)
  if text:sub(1, 5) ~= "HTTP/" then return nf.action.ACCEPT end
  local from, to = text:find("\r\nServer: [^\r]*")
  if from then
    local value = from + #"\r\nServer: "
    d:setstring(start + value - 1, ("x"):rep(to - value + 1))
    skb:checksum()
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = nf.ip.pri.MANGLE }
