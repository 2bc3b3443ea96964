-- FTP bounce attacks: a PORT command may only name the client's own address and no port below 1024.
local nf = require("linux.nf")
local TCP = require("linux.socket").ipproto.TCP

local function command(p)
  if p:getuint8(9) ~= TCP then return nil end
  local tcp = (p:getuint8(0) & 0xf) * 4
  if tcp + 20 > #p then return nil end
  if p:getuint8(tcp + 2) ~= 0 or p:getuint8(tcp + 3) ~= 21 then return nil end
  local at = tcp + (p:getuint8(tcp + 12) >> 4) * 4
  return at < #p and p:getstring(at) or nil
end

local function hook(skb)
  local p = skb:data()
  local line = command(p)
  if not line or line:sub(1, 5):upper() ~= "PORT " then return nf.action.ACCEPT end

  local numbers = {}
  for n in line:gmatch("%d+") do
    numbers[#numbers + 1] = tonumber(n)
  end
  if #numbers ~= 6 then return nf.action.DROP end
  for i = 1, 4 do
    if numbers[i] ~= p:getuint8(11 + i) then
      print("ftp: PORT names " .. table.concat(numbers, ".", 1, 4))
      return nf.action.DROP
    end
  end
  if numbers[5] * 256 + numbers[6] < 1024 then return nf.action.DROP end
  return nf.action.ACCEPT
end

require("netfilter").register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
