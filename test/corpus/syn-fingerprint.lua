-- Tells operating systems apart by the options of their SYN, their order, window and TTL, as p0f does.
local netfilter, nf = require("netfilter"), require("linux.nf")

local KIND = { [0] = "eol", [1] = "nop", [2] = "mss", [3] = "ws", [4] = "sok", [5] = "sack", [8] = "ts" }

local KNOWN = {
  ["mss,sok,ts,nop,ws"] = "Linux",
  ["mss,nop,ws,nop,nop,sok"] = "Windows",
  ["mss,nop,ws,nop,nop,ts,sok,eol"] = "macOS",
  ["mss"] = "a scanner",
  [""] = "a scanner",
}

local function options(pkt, at, stop)
  local names, mss, scale = {}, 0, 0
  while at < stop do
    local kind = pkt:getuint8(at)
    names[#names + 1] = KIND[kind] or "?" .. kind
    if kind == 0 then break end
    if kind == 1 then
      at = at + 1
    else
      if at + 1 >= stop then return nil end
      local length = pkt:getuint8(at + 1)
      if length < 2 or at + length > stop then return nil end
      if kind == 2 and length == 4 then
        mss = pkt:getuint8(at + 2) << 8 | pkt:getuint8(at + 3)
      elseif kind == 3 and length == 3 then
        scale = pkt:getuint8(at + 2)
      end
      at = at + length
    end
  end
  return table.concat(names, ","), mss, scale
end

local function hook(skb)
  local pkt = skb:data("net")
  local ihl = (pkt:getuint8(0) & 0x0f) << 2
  if pkt:getuint8(9) ~= 6 or #pkt < ihl + 20 then return nf.action.ACCEPT end
  if pkt:getuint8(ihl + 13) & 0x3f ~= 0x02 then return nf.action.ACCEPT end
  local stop = ihl + (pkt:getuint8(ihl + 12) >> 4) * 4
  if stop < ihl + 20 or stop > #pkt then return nf.action.ACCEPT end

  local order, mss, scale = options(pkt, ihl + 20, stop)
  if not order then
    print("p0f: broken options")
    return nf.action.DROP
  end
  local system = KNOWN[order] or "unknown"
  print(string.format("p0f: %s (%s; mss %d, scale %d, ttl %d)", system, order, mss, scale, pkt:getuint8(8)))
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FIRST }
