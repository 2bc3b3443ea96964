-- String scanning: bytes one by one, plain searches, and cutting fields out.
local pieces = {}
for i = 1, 1500 do pieces[i] = "field" .. i .. "=" .. i * 7919 % 100003 end
local text = table.concat(pieces, ",")

local function checksum(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + string.byte(s, i)) % 65521
    b = (b + a) % 65521
  end
  return (a * 3 + b) % 65521
end

local function fields(s)
  local from, sum = 1, 0
  while true do
    local comma = string.find(s, ",", from, true)
    local field = string.sub(s, from, comma and comma - 1 or #s)
    local equals = string.find(field, "=", 1, true)
    sum = (sum * 7 + tonumber(string.sub(field, equals + 1)) + #field) % 1000003
    if not comma then return sum end
    from = comma + 1
  end
end

local function digits(s)
  local count = 0
  for i = 1, #s do
    local c = s:byte(i)
    if c >= 48 and c <= 57 then count = count + 1 end
  end
  return count
end

function run()
  local sum = 0
  for _ = 1, 12 do sum = sum + checksum(text) + fields(text) + digits(text) end
  return sum
end
