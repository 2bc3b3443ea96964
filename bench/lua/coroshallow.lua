-- Coroutines that yield from their own body: generators, a filter over one, and values both ways.
local function range(n)
  return coroutine.wrap(function()
    for i = 1, n do coroutine.yield(i) end
  end)
end

local function odd(source)
  return coroutine.wrap(function()
    for value in source do
      if value % 2 == 1 then coroutine.yield(value) end
    end
  end)
end

local function averager()
  local sum, count = 0, 0
  while true do
    local value = coroutine.yield(sum, count)
    sum, count = sum + value, count + 1
  end
end

function run()
  local total = 0
  for value in range(80000) do total = (total + value) % 1000003 end
  for value in odd(range(40000)) do total = (total + value) % 1000003 end
  local keeper = coroutine.create(averager)
  coroutine.resume(keeper)
  for i = 1, 40000 do
    local _, sum, count = coroutine.resume(keeper, i % 10)
    if i % 1000 == 0 then total = total + sum + count end
  end
  for i = 1, 4000 do
    local once = coroutine.wrap(function(a) return coroutine.yield(a + 1) * 2 end)
    total = total + once(i) + once(3)
  end
  return total
end
