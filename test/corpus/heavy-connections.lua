-- Connections that have moved more than LIMIT bytes are named once, and those without an answer after ten packets too.
local netfilter = require("netfilter")
local conntrack = require("conntrack")
local nf = require("linux.nf")

local LIMIT = 500
local named = {}

local function key(t)
  if t.family == nf.proto.IPV4 then
    return string.pack(">I4I4I2I2B", t.src, t.dst, t.sport, t.dport, t.protocol)
  end
  return t.src .. t.dst .. string.pack(">I2I2B", t.sport, t.dport, t.protocol)
end

local function hook(skb)
  local ct = conntrack.get(skb)
  if not ct then return nf.action.ACCEPT end
  local t = ct:tuple()
  if t.protocol ~= 6 and t.protocol ~= 17 then return nf.action.ACCEPT end

  local sent, sent_bytes = ct:counters(nf.ct.dir.ORIGINAL)
  local received, received_bytes = ct:counters(nf.ct.dir.REPLY)
  local total = sent_bytes + received_bytes
  local lonely = sent > 10 and received == 0
  if total <= LIMIT and not lonely then return nf.action.ACCEPT end

  local id = key(t)
  if not named[id] then
    named[id] = true
    print(("heavy: port %d: %d packets out, %d back, %d bytes%s"):format(
      t.dport, sent, received, total, lonely and ", no answer" or ""))
  end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = 100 }
