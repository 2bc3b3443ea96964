-- xorshift64.lua for LuaJIT: 64-bit cdata instead of integers, `bit` instead of operators.
local bit = require("bit")
local bxor, lshift, rshift = bit.bxor, bit.lshift, bit.rshift

local function draw(state, times)
  local sum = 0ULL
  for _ = 1, times do
    state = bxor(state, lshift(state, 13))
    state = bxor(state, rshift(state, 7))
    state = bxor(state, lshift(state, 17))
    sum = sum + rshift(state, 40)
  end
  return state, sum
end

function run()
  local state, sum = draw(0x2545f4914f6cdd1dULL, 1200000)
  return bit.tohex(state, 16) .. ":" .. string.format("%d", tonumber(sum))
end
