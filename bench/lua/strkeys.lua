-- Tables by computed string keys: counting, lookup of absent keys, traversal, removal.
local words = {}
for i = 1, 2000 do words[i] = "key" .. i * i % 613 end

function run()
  local sum = 0
  for _ = 1, 72 do
    local counts, absent = {}, 0
    for i = 1, #words do
      local word = words[i]
      counts[word] = (counts[word] or 0) + 1
      if counts["no-" .. i % 50] == nil then absent = absent + 1 end
    end
    for i = 1, 300 do
      local key = "key" .. i
      if counts[key] then counts[key] = nil end
    end
    local kinds = 0
    for key, times in pairs(counts) do
      kinds = kinds + 1
      sum = (sum + #key * times) % 1000003
    end
    sum = sum + kinds + absent
  end
  return sum
end
