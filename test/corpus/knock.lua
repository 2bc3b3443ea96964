-- Port knocking: SYN to 7000, 8000 and 9000, in this order, opens port 22 to the address for ten seconds.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local linux = require("linux")
local nf = require("linux.nf")

local sequence = { 7000, 8000, 9000 }
local OPEN_FOR = 10 * 1000000000

local progress = {} -- address -> how many knocks were right
local open_until = {} -- address -> time

local function hook(skb)
  local ip = skb:data()
  local ihl = (ip:getuint8(0) & 15) * 4
  if ip:getuint8(9) ~= 6 then return nf.action.ACCEPT end
  local flags = ip:getuint8(ihl + 13)
  local is_syn = flags & 2 ~= 0 and flags & 16 == 0
  if not is_syn then return nf.action.ACCEPT end

  local src = ip:getuint32(12)
  local dport = byteorder.ntoh16(ip:getuint16(ihl + 2))

  if dport == 22 then
    local deadline = open_until[src]
    if deadline and linux.time() < deadline then
      return nf.action.ACCEPT
    end
    return nf.action.DROP
  end

  local step = progress[src] or 0
  if dport == sequence[step + 1] then
    step = step + 1
    if step == #sequence then
      open_until[src] = linux.time() + OPEN_FOR
      progress[src] = nil
      print("knock: welcome")
    else
      progress[src] = step
    end
    return nf.action.DROP
  end
  progress[src] = nil
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
