-- Coroutines that yield from deep inside recursion, and that compute between yields.
local function insert(node, key)
  if node == nil then return { key = key } end
  if key < node.key then node.left = insert(node.left, key) else node.right = insert(node.right, key) end
  return node
end

local function tree(count, seed)
  local root = nil
  for _ = 1, count do
    seed = (seed * 1103 + 12345) % 65536
    root = insert(root, seed)
  end
  return root
end

local function walk(node)
  if node.left then walk(node.left) end
  coroutine.yield(node.key)
  if node.right then walk(node.right) end
end

local function keys(node)
  return coroutine.wrap(function() walk(node) end)
end

local function permute(list, n)
  if n <= 1 then
    coroutine.yield(list)
    return
  end
  for i = 1, n do
    list[n], list[i] = list[i], list[n]
    permute(list, n - 1)
    list[n], list[i] = list[i], list[n]
  end
end

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local first, second = tree(1500, 7), tree(1500, 11)

function run()
  local sum = 0
  for _ = 1, 20 do
    local a, b = keys(first), keys(second)
    local x, y = a(), b()
    -- Merges the two sorted streams.
    while x and y do
      if x < y then
        sum = (sum * 3 + x) % 1000003
        x = a()
      else
        sum = (sum * 3 + y) % 1000003
        y = b()
      end
    end
  end
  for list in coroutine.wrap(function() permute({ 1, 2, 3, 4, 5, 6, 7, 8 }, 8) end) do
    sum = (sum + list[1] * list[8]) % 1000003
  end
  local worker = coroutine.wrap(function()
    for n = 12, 22 do coroutine.yield(fib(n)) end
  end)
  for _ = 12, 22 do sum = sum + worker() end
  return sum
end
