-- Eight queens, every solution: recursion over three small arrays.
local SIZE = 8

local function place(row, columns, rising, falling)
  if row > SIZE then return 1 end
  local found = 0
  for column = 1, SIZE do
    local up, down = row + column, row - column + SIZE
    if not columns[column] and not rising[up] and not falling[down] then
      columns[column], rising[up], falling[down] = true, true, true
      found = found + place(row + 1, columns, rising, falling)
      columns[column], rising[up], falling[down] = false, false, false
    end
  end
  return found
end

function run()
  local total = 0
  for _ = 1, 40 do
    local columns, rising, falling = {}, {}, {}
    for i = 1, 2 * SIZE do columns[i], rising[i], falling[i] = false, false, false end
    total = total + place(1, columns, rising, falling)
  end
  return total
end
