-- Pancake flips of every permutation: array element swaps in nested loops.
local SIZE = 8

function run()
  local order, pancakes, turns = {}, {}, {}
  for i = 1, SIZE do order[i], turns[i] = i, i end
  local most, checksum, even = 0, 0, true
  while true do
    local first = order[1]
    if first ~= 1 then
      for i = 2, SIZE do pancakes[i] = order[i] end
      local flips = 1
      while true do
        local top = pancakes[first]
        if top == 1 then break end
        pancakes[first] = first
        local low, high = 2, first - 1
        while low < high do
          pancakes[low], pancakes[high] = pancakes[high], pancakes[low]
          low, high = low + 1, high - 1
        end
        first, flips = top, flips + 1
      end
      if flips > most then most = flips end
      if even then checksum = checksum + flips else checksum = checksum - flips end
    end
    -- The next permutation: swap the first two, and every second time rotate a longer head.
    if even then
      order[1], order[2], even = order[2], order[1], false
    else
      order[2], order[3], even = order[3], order[2], true
      local i = 3
      while turns[i] == 1 do
        if i == SIZE then return checksum .. ":" .. most end
        turns[i] = i
        i = i + 1
        local head = order[1]
        for k = 1, i - 1 do order[k] = order[k + 1] end
        order[i] = head
      end
      turns[i] = turns[i] - 1
    end
  end
end
