-- Lets only the useful kinds of ICMP in; the others are dropped and named in the log.
local netfilter = require "netfilter"
local nf        = require "linux.nf"

local ALLOWED = { [0] = true, [3] = true, [8] = true, [11] = true }
local NAMES   = { [5] = "redirect", [9] = "router advertisement", [13] = "timestamp", [17] = "address mask" }

local function icmp_filter(skb)
   local d = skb:data("net")
   local proto = d:getbyte(9)
   if proto ~= 1 then
      return nf.action.ACCEPT
   end

   local ihl = (d:getbyte(0) & 15) << 2
   if ihl + 4 > #d then
      return nf.action.DROP      -- no room for type, code and checksum
   end
   local kind = d:getbyte(ihl)
   if ALLOWED[kind] then
      return nf.action.ACCEPT
   end
   print(("icmp: dropped %s (type %d, code %d)"):format(NAMES[kind] or "unknown", kind, d:getbyte(ihl + 1)))
   return nf.action.DROP
end

netfilter.register{hook = icmp_filter, pf = nf.proto.IPV4, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.RAW}
