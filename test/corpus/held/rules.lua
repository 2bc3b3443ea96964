-- A tiny firewall language: rules are made of functions that look at a packet; the first rule that matches decides.
local netfilter = require("netfilter")
local byteorder = require("byteorder")
local nf = require("linux.nf")

local TCP, UDP = 6, 17

-- conditions
local function proto(number) return function(p) return p.proto == number end end

local function port(spec)
  local set = {}
  for low, high in spec:gmatch("(%d+)%-?(%d*)") do
    for n = tonumber(low), tonumber(high) or tonumber(low) do set[n] = true end
  end
  return function(p) return set[p.dport] == true end
end

local function from(a, b, c, d)
  local address = a << 24 | b << 16 | c << 8 | d
  return function(p) return p.source == address end
end

local function all(...)
  local conditions = { ... }
  return function(p)
    for i = 1, #conditions do
      if not conditions[i](p) then return false end
    end
    return true
  end
end

local function none(condition) return function(p) return not condition(p) end end

local rules = {
  { all(proto(TCP), port("21,23,25,445")), nf.action.DROP, "old services" },
  { all(proto(UDP), port("5000-5100")), nf.action.ACCEPT },
  { all(from(198, 51, 100, 66), none(port("80"))), nf.action.DROP, "bad neighbour" },
  { all(proto(UDP), port("2000"), from(192, 168, 1, 20)), nf.action.DROP, "no udp from there" },
}

local function parse(skb)
  local d = skb:data()
  local l4 = (d:getuint8(0) & 15) * 4
  local p = { proto = d:getuint8(9), source = byteorder.ntoh32(d:getuint32(12)), dport = -1 }
  if (p.proto == TCP or p.proto == UDP) and l4 + 4 <= #d and byteorder.ntoh16(d:getuint16(6)) & 0x1fff == 0 then
    p.dport = byteorder.ntoh16(d:getuint16(l4 + 2))
  end
  return p
end

netfilter.register{
  hook = function(skb)
    local p = parse(skb)
    for _, rule in ipairs(rules) do
      local condition, verdict, comment = rule[1], rule[2], rule[3]
      if condition(p) then
        if comment then print("rules: " .. comment) end
        return verdict
      end
    end
    return nf.action.ACCEPT
  end,
  pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.SECURITY,
}
