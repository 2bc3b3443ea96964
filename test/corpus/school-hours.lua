-- No games between eight and fourteen o'clock UTC on school days; outside of these hours only a note in the log.
local netfilter, linux, nf = require("netfilter"), require("linux"), require("linux.nf")

local GAMES = { 9999, 25565, 27015, 3074, 3724 }
local is_game = {}
for _, port in ipairs(GAMES) do is_game[port] = true end

local SECOND = 1000 * 1000 * 1000
local DAYS = { [0] = "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" } -- 1 January 1970 was a Thursday

local function clock()
  local seconds = linux.time() // SECOND
  local minutes = seconds // 60 % (24 * 60)
  return DAYS[seconds // 86400 % 7], minutes // 60, minutes % 60
end

local warned_hour = -1

local function hook(skb)
  local pkt = skb:data()
  local protocol = pkt:getuint8(9)
  if protocol ~= 6 and protocol ~= 17 then return nf.action.ACCEPT end
  local l4 = (pkt:getuint8(0) & 0xf) * 4
  if #pkt < l4 + 4 then return nf.action.ACCEPT end
  local port = pkt:getuint8(l4 + 2) << 8 | pkt:getuint8(l4 + 3)
  if not is_game[port] then return nf.action.ACCEPT end

  local day, hour, minute = clock()
  local weekend = day == "Sat" or day == "Sun"
  if weekend or hour < 8 or hour >= 14 then
    if warned_hour ~= hour then
      warned_hour = hour
      print(string.format("games: port %d at %s %02d:%02d, enjoy", port, day, hour, minute))
    end
    return nf.action.ACCEPT
  end
  return nf.action.DROP
end

netfilter.register{ hook = hook, pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.FILTER }
