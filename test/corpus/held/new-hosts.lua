-- Says when an address is seen for the first time. Remembers at most 4 hosts of each family: the oldest is forgotten.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local function Memory(size)
  local known, queue = {}, {}
  return function(key)
    if known[key] then return false end
    if #queue == size then
      known[table.remove(queue, 1)] = nil
    end
    queue[#queue + 1] = key
    known[key] = true
    return true
  end
end

local function hex(s)
  local out = {}
  for i = 1, #s do out[i] = ("%02x"):format(s:byte(i)) end
  return table.concat(out)
end

local function watcher(offset, length)
  local is_new = Memory(4)
  return function(skb)
    local source = skb:data():getstring(offset, length)
    if is_new(source) then print("new host: " .. hex(source)) end
    return nf.action.ACCEPT
  end
end

netfilter.register{ hook = watcher(12, 4), pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.LAST - 5 }
netfilter.register{ hook = watcher(8, 16), pf = nf.proto.IPV6, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.LAST - 5 }
