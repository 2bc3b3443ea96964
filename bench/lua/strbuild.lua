-- String building: piece by piece with `..`, through table.concat, and read back so that nothing stays unbuilt.
local function numbers(n)
  local text = ""
  for i = 1, n do text = text .. i .. ";" end
  return text
end

local function rows(n)
  local parts = {}
  for i = 1, n do parts[#parts + 1] = "row-" .. i .. "=" .. string.rep("x", i % 7) end
  return table.concat(parts, "\n")
end

local function sample(text, step)
  local sum = #text
  for i = 1, #text, step do sum = (sum * 31 + string.byte(text, i)) % 1000003 end
  return sum
end

function run()
  local sum = 0
  for round = 1, 14 do
    sum = sum + sample(numbers(1200 + round), 61)
    local table_text = rows(3000)
    sum = sum + sample(table_text, 97) + sample(string.upper(table_text), 101)
  end
  return sum
end
