-- The peer of bench/sim.ts: runs a netfilter script of ours, unchanged, in PUC Lua 5.4 over a bare capture reader.
-- usage: lua5.4 puc-reader.lua hook|bare SCRIPT CAPTURE; prints CPU seconds and how many packets were dropped.
-- "bare" reads and cuts the packets but calls no hook: the difference is the script's part.

local mode, script, capture = ...
local byte, sub, unpack = string.byte, string.sub, string.unpack

-- A view of a packet: just the methods that a reading script needs, with the reference's bounds rule.
local View = {}
View.__index = View
View.__len = function(view) return view.size end

local function at(view, offset, length)
  if offset < 0 or length <= 0 or offset + length > view.size then error("out of bounds", 3) end
  return view.start + offset
end

function View.getuint8(view, offset) return (byte(view.text, at(view, offset, 1))) end
View.getbyte = View.getuint8
function View.getuint16(view, offset) return (unpack("=I2", view.text, at(view, offset, 2))) end
function View.getuint32(view, offset) return (unpack("=I4", view.text, at(view, offset, 4))) end
function View.getstring(view, offset, length)
  local first = at(view, offset, length or view.size - offset)
  return sub(view.text, first, first + (length or view.size - offset) - 1)
end

local view = setmetatable({}, View)
local Skb = {}
Skb.__index = Skb
Skb.__len = function() return view.size end
function Skb.data() return view end
function Skb.ifindex() return 2 end
local skb = setmetatable({}, Skb)

local hooks = {}
package.preload["netfilter"] = function()
  return { register = function(options) hooks[#hooks + 1] = options end }
end
package.preload["linux.nf"] = function()
  return {
    proto = { INET = 1, IPV4 = 2, IPV6 = 10 },
    inet = { PRE_ROUTING = 0, LOCAL_IN = 1, FORWARD = 2, LOCAL_OUT = 3, POST_ROUTING = 4 },
    ip = { pri = { FIRST = -2147483648, RAW = -300, MANGLE = -150, FILTER = 0, LAST = 2147483647 } },
    action = { DROP = 0, ACCEPT = 1 },
  }
end
package.preload["byteorder"] = function()
  local function swap16(value) return (value & 0xff) << 8 | value >> 8 & 0xff end
  local function swap32(value) return (unpack(">I4", string.pack("<I4", value & 0xffffffff))) end
  return { ntoh16 = swap16, hton16 = swap16, be16toh = swap16, htobe16 = swap16,
    ntoh32 = swap32, hton32 = swap32, be32toh = swap32, htobe32 = swap32 }
end
function print() end -- the log is not part of the comparison

assert(loadfile(script))()
-- The captured packets leave the machine: they pass LOCAL_OUT and POST_ROUTING, in the order of the priorities.
local passed = {}
for _, options in ipairs(hooks) do
  if options.hooknum == 3 or options.hooknum == 4 then passed[#passed + 1] = options end
end
table.sort(passed, function(a, b)
  if a.hooknum ~= b.hooknum then return a.hooknum < b.hooknum end
  return a.priority < b.priority
end)

local started, dropped = os.clock(), 0
local file = assert(io.open(capture, "rb"))
local text, position = file:read(24) and "", 1
while true do
  if #text - position + 1 < 70000 then
    local more = file:read(1 << 20)
    text, position = sub(text, position) .. (more or ""), 1
    if #text == 0 then break end
  end
  local length = unpack("<I4", text, position + 8)
  view.text, view.start, view.size = text, position + 16 + 14, length - 14
  position = position + 16 + length
  if mode == "hook" then
    for i = 1, #passed do
      if passed[i].hook(skb) == 0 then
        dropped = dropped + 1
        break
      end
    end
  end
end
print = nil
io.write(string.format("%.6f %d\n", os.clock() - started, dropped))
