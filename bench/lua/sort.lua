-- table.sort with a comparator: numbers downwards, and records by two fields.
local function draw(seed) return (seed * 1103 + 12345) % 65536 end

function run()
  local seed = 42
  local numbers, records = {}, {}
  for i = 1, 8000 do
    seed = draw(seed)
    numbers[i] = seed
  end
  for i = 1, 8000 do
    seed = draw(seed)
    records[i] = { group = seed % 50, id = i }
  end
  table.sort(numbers, function(a, b) return a > b end)
  table.sort(records, function(a, b)
    if a.group ~= b.group then return a.group < b.group end
    return a.id < b.id
  end)
  local sum = 0
  for i = 1, #numbers, 7 do sum = (sum * 5 + numbers[i]) % 1000003 end
  for i = 1, #records do sum = (sum * 5 + records[i].id) % 1000003 end
  return sum
end
