-- fnv64.lua for LuaJIT: 64-bit cdata instead of integers, `bit` instead of operators.
local bit = require("bit")
local bxor = bit.bxor
local names = {}
for i = 1, 50 do names[i] = "host-" .. i * 7919 .. ".example.org" end

local function fnv1a(text)
  local hash = 0xcbf29ce484222325ULL
  for i = 1, #text do
    hash = bxor(hash, string.byte(text, i)) * 0x100000001b3ULL
  end
  return hash
end

function run()
  local sum = 0ULL
  for round = 1, 400 do
    for i = 1, #names do sum = sum * 31 + bxor(fnv1a(names[i]), round) end
  end
  return bit.tohex(sum, 16)
end
