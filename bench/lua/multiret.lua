-- Several results and variable arguments: assigned, passed on, collected, cut off.
local function pair(a, b) return b, a end
local function triple(a) return a, a + 1, a + 2 end
local function through(...) return ... end
local function add3(a, b, c) return a + b + c end

local function sum_of(...)
  local sum = 0
  for i = 1, select("#", ...) do sum = sum + (select(i, ...)) end
  return sum
end

local function minmax(list)
  local least, most = list[1], list[1]
  for i = 2, #list do
    local value = list[i]
    if value < least then least = value elseif value > most then most = value end
  end
  return least, most, most - least
end

function run()
  local total = 0
  local list = { 5, 3, 9, 7 }
  for i = 1, 90000 do
    local a, b = pair(i, i + 1)
    local c, d, e = triple(a)
    total = total + add3(triple(b)) + c - d + e
    list[i % 4 + 1] = i % 100
    local least, most, width = minmax(list)
    total = total + least + most - width
    total = (total + (through(i, a, b))) % 1000003
    if i % 4 == 0 then
      total = total + sum_of(through(a, b, c))
      local packed = { triple(i) }
      total = total + #packed
    end
  end
  return total
end
