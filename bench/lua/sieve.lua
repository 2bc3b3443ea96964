-- Sieve of Eratosthenes: writes and reads of an array by a running index. The array is small enough to be allocated
-- from memory that the process has already: with a large one the page faults of fresh memory are all that counts.
local LIMIT = 8000
local ROOT = 89

local function sieve()
  local composite = {}
  for i = 1, LIMIT do composite[i] = false end
  local count, sum = 0, 0
  for i = 2, LIMIT do
    if not composite[i] then
      count = count + 1
      sum = (sum + i) % 1000003
      if i <= ROOT then
        for multiple = i * i, LIMIT, i do composite[multiple] = true end
      end
    end
  end
  return count * 7 + sum
end

function run()
  local total = 0
  for _ = 1, 80 do total = total + sieve() end
  return total
end
