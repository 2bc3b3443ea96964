-- FNV-1a with 64-bit wrapping integers: xor and multiplication, byte by byte.
local names = {}
for i = 1, 50 do names[i] = "host-" .. i * 7919 .. ".example.org" end

local function fnv1a(text)
  local hash = 0xcbf29ce484222325
  for i = 1, #text do
    hash = (hash ~ string.byte(text, i)) * 0x100000001b3
  end
  return hash
end

function run()
  local sum = 0
  for round = 1, 400 do
    for i = 1, #names do sum = sum * 31 + (fnv1a(names[i]) ~ round) end
  end
  return string.format("%016x", sum)
end
