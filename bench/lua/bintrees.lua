-- Binary trees: many small tables that live for a short and one that lives for a long time.
local function grow(depth)
  if depth == 0 then return {} end
  return { left = grow(depth - 1), right = grow(depth - 1) }
end

local function count(tree)
  local left = tree.left
  if left == nil then return 1 end
  return 1 + count(left) + count(tree.right)
end

function run()
  local long = grow(12)
  local total = 0
  for depth = 4, 10, 2 do
    for _ = 1, 300 - 25 * depth do total = total + count(grow(depth)) end
  end
  return total + count(long)
end
