-- Closures: made in quantity, called through variables, with shared and with own upvalues.
local function map(list, f)
  local out = {}
  for i = 1, #list do out[i] = f(list[i]) end
  return out
end

local function keep(list, test)
  local out, n = {}, 0
  for i = 1, #list do
    if test(list[i]) then
      n = n + 1
      out[n] = list[i]
    end
  end
  return out
end

local function fold(list, f, start)
  local value = start
  for i = 1, #list do value = f(value, list[i]) end
  return value
end

local function compose(f, g)
  return function(x) return f(g(x)) end
end

local function counter()
  local n = 0
  return function()
    n = n + 1
    return n
  end
end

function run()
  local list = {}
  local next_number = counter()
  for i = 1, 500 do list[i] = next_number() end
  local sum = 0
  for round = 1, 360 do
    local shift = function(x) return x + round end
    local double = function(x) return x * 2 end
    local both = compose(double, shift)
    local odd_thirds = keep(map(list, both), function(x) return x % 3 ~= 0 end)
    sum = sum + fold(odd_thirds, function(a, b) return (a + b) % 1000003 end, round)
    for i = 1, 100 do
      local own = counter()
      own()
      sum = sum + own() + i
    end
  end
  return sum
end
