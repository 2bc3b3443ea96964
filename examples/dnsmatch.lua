-- dnsmatch: a match for rules of iptables and ip6tables: DNS queries over UDP for one name and every name below it.
--
-- The rule gives the name: --userargs ads.example.com. Whole labels are compared, never substrings, and case does not
-- count. Where the UDP header begins, also behind options and IPv6 extension headers, the rule knows (par.thoff).
--
-- Live: sudo bin/moonhook run examples/dnsmatch.lua --on ebpf --pin ads --userargs ads.example.com
--       prints the rules to type; 'moonhook stop ads' takes the match back

local xtable = require("xtable")
local byteorder = require("byteorder")

local UDP, DNS_PORT = 17, byteorder.hton16(53)
local MOST_BYTES = 255 -- of a name, RFC 1035

-- By what rules give: the name as it stands in a query, "\3ads\7example\3com", and how many rules ask for it.
local names, rules = {}, {}

local function checkentry(userargs)
  local name = userargs:match("^[^\0]*"):lower():gsub("%.$", "")
  if not name:find("^[%w_-]") or name:find("[^%w._-]") or name:find("..", 1, true) then
    error("dnsmatch: '" .. name:gsub("[^%w._-]", "?") .. "' is no name; give one with --userargs", 0)
  end
  names[userargs] = name:gsub("([^.]+)%.?", function(label) return string.pack("s1", label) end)
  rules[userargs] = (rules[userargs] or 0) + 1
end

local function destroy(userargs)
  rules[userargs] = rules[userargs] - 1
  if rules[userargs] == 0 then names[userargs] = nil end
end

local function match(packet, par, userargs)
  local wanted = names[userargs]
  local udp, size = par.thoff, #packet
  if udp == 0 or par.fragoff ~= 0 then return false end

  -- Behind 8 bytes of UDP header and 12 of DNS header comes the name; the top bit of DNS byte 2 says "answer".
  local start = udp + 20
  if start >= size or packet:getuint16(udp + 2) ~= DNS_PORT or packet:getuint8(udp + 10) >= 128 then return false end
  local stop, length = start, packet:getuint8(start)
  while length > 0 do
    stop = stop + 1 + length
    if stop >= size or stop - start >= MOST_BYTES then return false end
    length = packet:getuint8(stop)
  end
  if stop == start then return false end -- the root

  -- Lengths are below 64, letters above: lower() leaves the lengths alone.
  local name, at = packet:getstring(start, stop - start):lower(), 1
  while at <= #name do
    if name:sub(at) == wanted then return true end
    at = at + 1 + name:byte(at)
  end
  return false
end

xtable.match{
  name = "dnsmatch", revision = 0, family = xtable.family.UNSPEC, proto = UDP, hooks = 0,
  match = match, checkentry = checkentry, destroy = destroy,
}
