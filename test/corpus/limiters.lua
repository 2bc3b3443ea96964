-- Rate limits as closures: each service gets a limiter of its own with its own table of sources.
local netfilter, linux, nf = require("netfilter"), require("linux"), require("linux.nf")

local MS = 1000 * 1000

-- A limiter allows `burst` packets at once and one more every `every` milliseconds for each key.
local function limiter(name, burst, every)
  local tokens, last, told = {}, {}, {}
  return function(key)
    local now = linux.time() // MS
    local have = tokens[key]
    if have == nil then
      have = burst
    else
      have = math.min(burst, have + (now - last[key]) // every)
    end
    last[key] = now
    if have == 0 then
      tokens[key] = 0
      if not told[key] then
        told[key] = true
        print(name .. ": a source is too fast")
      end
      return false
    end
    tokens[key] = have - 1
    return true
  end
end

local dns = limiter("dns", 5, 100)
local web = limiter("web", 10, 50)
local rest = limiter("udp", 20, 20)

local function hook(skb)
  local pkt = skb:data()
  local protocol, ihl = pkt:getuint8(9), (pkt:getuint8(0) & 15) << 2
  if #pkt < ihl + 8 then return nf.action.ACCEPT end
  local source = pkt:getuint32(12)
  local port = pkt:getuint8(ihl + 2) << 8 | pkt:getuint8(ihl + 3)
  local limit
  if protocol == 17 then
    limit = port == 53 and dns or rest
  elseif protocol == 6 and (port == 80 or port == 443) then
    limit = web
  end
  if limit and not limit(source) then return nf.action.DROP end
  return nf.action.ACCEPT
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = -10 }
