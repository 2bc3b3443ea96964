-- Times a program in a native Lua: PROGRAM DATA WARM_MS TIME_MS REPETITIONS, as repeat.mjs does for the others.
-- The clock is processor time, as in repeat.mjs: other work on the machine does not count.
local program, data_module, warm_ms, time_ms, repetitions = ...
warm_ms, time_ms, repetitions = tonumber(warm_ms), tonumber(time_ms), tonumber(repetitions)
package.preload["data"] = assert(loadfile(data_module))
assert(loadfile(program))()

local clock = os.clock
local result

local function once()
  local started = clock()
  local value = tostring(run())
  local ms = (clock() - started) * 1000
  if result ~= nil and value ~= result then error("results differ between repetitions: " .. result .. ", " .. value) end
  result = value
  return ms
end

local first = once()
local spent = first
while spent < warm_ms do spent = spent + once() end
local times, count = {}, 0
spent = 0
while count == 0 or spent < time_ms and count < repetitions do
  count = count + 1
  times[count] = once()
  spent = spent + times[count]
end
for i = 1, count do times[i] = string.format("%.6f", times[i]) end
print(string.format('{"first":%.6f,"times":[%s],"result":"%s"}', first, table.concat(times, ","), result))
