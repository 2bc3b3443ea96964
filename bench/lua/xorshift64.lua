-- Marsaglia's xorshift with 64-bit integers: shifts and xors of all bits, no table.
local function draw(state, times)
  local sum = 0
  for _ = 1, times do
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    sum = sum + (state >> 40)
  end
  return state, sum
end

function run()
  local state, sum = draw(0x2545f4914f6cdd1d, 1200000)
  return string.format("%016x:%d", state, sum)
end
