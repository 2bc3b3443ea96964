-- Matrix product: nested tables, three loops, integers.
local SIZE = 112

local function make(seed)
  local rows = {}
  for i = 1, SIZE do
    local row = {}
    for j = 1, SIZE do
      seed = (seed * 1103 + 12345) % 65536
      row[j] = seed % 200 - 100
    end
    rows[i] = row
  end
  return rows
end

local function multiply(a, b)
  local product = {}
  for i = 1, SIZE do
    local row, from = {}, a[i]
    for j = 1, SIZE do
      local sum = 0
      for k = 1, SIZE do sum = sum + from[k] * b[k][j] end
      row[j] = sum
    end
    product[i] = row
  end
  return product
end

function run()
  local product = multiply(make(1), make(2))
  local sum = 0
  for i = 1, SIZE do
    for j = 1, SIZE do sum = (sum * 17 + product[i][j]) % 1000003 end
  end
  return sum
end
