-- Filters TLS by the server name in the ClientHello (single segment only), unpacked with string.unpack.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local SUFFIXES = { "blocked.example.com", "example.net" }

local function ends_with(s, suffix)
  return s == suffix or s:sub(-#suffix - 1) == "." .. suffix
end

-- Raises when the message is shorter than it says; the caller catches that.
local function sni(record)
  local content, _, _, handshake = string.unpack(">BBBB", record)
  if content ~= 22 then return nil end
  local kind = record:byte(6)
  if kind ~= 1 then return nil end
  -- version and random are 34 bytes behind record header (5) and handshake header (4)
  local pos = 5 + 4 + 34 + 1
  local session, ciphers, compression, extensions
  session, ciphers, compression, extensions = string.unpack(">s1s2s1s2", record, pos)
  local i = 1
  while i <= #extensions do
    local id, body
    id, body, i = string.unpack(">I2s2", extensions, i)
    if id == 0 then
      return (string.unpack(">s2", body, 4))
    end
  end
  return nil
end

local function hook(skb)
  local p = skb:data()
  local v6 = p:getuint8(0) >> 4 == 6
  local tcp = v6 and 40 or (p:getuint8(0) & 15) * 4
  if p:getuint8(v6 and 6 or 9) ~= 6 or tcp + 20 > #p then
    return nf.action.ACCEPT
  end
  local dport = p:getuint8(tcp + 2) * 256 + p:getuint8(tcp + 3)
  local start = tcp + (p:getuint8(tcp + 12) >> 4) * 4
  if dport ~= 443 or start + 6 > #p then return nf.action.ACCEPT end

  local ok, name = pcall(sni, p:getstring(start))
  if not ok then
    print("tls-sni: strange ClientHello")
    return nf.action.ACCEPT
  end
  if name then
    name = name:lower()
    for _, suffix in ipairs(SUFFIXES) do
      if ends_with(name, suffix) then
        print(string.format("tls-sni: %q cut", name))
        return nf.action.DROP
      end
    end
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = nf.ip.pri.FILTER }
