-- Looks through the options of each SYN: without a maximum segment size, or with a tiny one, it is dropped
-- (tiny segments are a cheap way to keep a server busy).
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local MIN_MSS = 536
local EOL, NOP, MSS = 0, 1, 2

-- the value of the option, nil if it is not there, false if the options make no sense
local function find_mss(p, at, stop)
  while at < stop do
    local kind = p:getuint8(at)
    if kind == EOL then break end
    if kind == NOP then
      at = at + 1
      goto continue
    end
    if at + 1 >= stop then return false end
    do
      local length = p:getuint8(at + 1)
      if length < 2 or at + length > stop then return false end
      if kind == MSS and length == 4 then
        return byteorder.ntoh16(p:getuint16(at + 2))
      end
      at = at + length
    end
    ::continue::
  end
  return nil
end

local function hook(skb)
  local p = skb:data()
  if p:getuint8(9) ~= 6 then return nf.action.ACCEPT end
  local tcp = (p:getuint8(0) & 0x0f) * 4
  if tcp + 20 > #p or p:getuint8(tcp + 13) & 0x12 ~= 0x02 then
    return nf.action.ACCEPT
  end
  local options_end = tcp + (p:getuint8(tcp + 12) >> 4) * 4
  if options_end > #p then return nf.action.DROP end
  local mss = find_mss(p, tcp + 20, options_end)
  if mss == false then
    print("syn-mss: broken options")
    return nf.action.DROP
  elseif mss == nil or mss < MIN_MSS then
    print("syn-mss: refused", mss or "none")
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
