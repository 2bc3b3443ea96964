-- DNS rebinding: an answer from outside must not name an address of a private network.
local netfilter, nf = require("netfilter"), require("linux.nf")

local PRIVATE = {
  { 0x0a000000, 0xff000000 }, -- 10.0.0.0/8
  { 0xac100000, 0xfff00000 }, -- 172.16.0.0/12
  { 0xc0a80000, 0xffff0000 }, -- 192.168.0.0/16
  { 0x7f000000, 0xff000000 }, -- loopback
  { 0xa9fe0000, 0xffff0000 }, -- link local
}

local function be16(s, at) return string.unpack(">I2", s, at) end

-- Where the name that begins at `at` ends; names may end in a pointer (RFC 1035, 4.1.4).
local function skip_name(message, at)
  while true do
    local length = message:byte(at)
    if length == nil then return nil end
    if length >= 0xc0 then return at + 2 end
    if length == 0 then return at + 1 end
    at = at + 1 + length
  end
end

local function private_address(message)
  local questions, answers = be16(message, 5), be16(message, 7)
  local at = 13
  for _ = 1, questions do
    at = skip_name(message, at)
    if not at then return nil end
    at = at + 4
  end
  for _ = 1, math.min(answers, 10) do
    at = skip_name(message, at)
    if not at or at + 9 > #message then return nil end
    local kind, _, _, length = string.unpack(">I2I2I4I2", message, at)
    at = at + 10
    if kind == 1 and length == 4 and at + 3 <= #message then
      local address = string.unpack(">I4", message, at)
      for _, range in ipairs(PRIVATE) do
        if address & range[2] == range[1] then return address end
      end
    end
    at = at + length
  end
  return nil
end

local function hook(skb)
  local d = skb:data()
  local ihl = (d:getuint8(0) & 0xf) * 4
  if d:getuint8(9) ~= 17 or #d < ihl + 8 + 12 then return nf.action.ACCEPT end
  if d:getuint8(ihl) ~= 0 or d:getuint8(ihl + 1) ~= 53 then return nf.action.ACCEPT end
  local ok, address = pcall(private_address, d:getstring(ihl + 8))
  if not ok then
    print("dns-rebinding: cannot read an answer")
    return nf.action.DROP
  end
  if address then
    print(string.format("dns-rebinding: %d.%d.%d.%d in an answer", address >> 24, address >> 16 & 255,
      address >> 8 & 255, address & 255))
    return nf.action.DROP
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.MANGLE }
