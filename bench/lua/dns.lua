-- DNS responses in `data` objects, as a hook parses them: header, names with compression, records.
local data = require("data")

local function encode_name(name)
  return (name:gsub("([^.]+)%.?", function(label) return string.char(#label) .. label end)) .. "\0"
end

local function word(high, low) return string.char(high, low) end

local function response(id, name, answers)
  local parts = {
    word(id, id), word(129, 128), word(0, 1), word(0, answers), word(0, 0), word(0, 0),
    encode_name(name), word(0, 1), word(0, 1),
  }
  for i = 1, answers do
    -- The owner name points at the question, 12 bytes from the start.
    parts[#parts + 1] = "\192\12" .. word(0, 1) .. word(0, 1) .. word(0, 0) .. word(1, 44) .. word(0, 4)
      .. string.char(192, 0, 2, i)
  end
  local text = table.concat(parts)
  local packet = data.new(#text)
  packet:setstring(0, text)
  return packet
end

local packets = {}
for i = 1, 64 do
  packets[i] = response(i, "www" .. i % 13 .. ".zone" .. i % 5 .. ".example.org", i % 4 + 1)
end

local function be16(packet, offset)
  return packet:getuint8(offset) * 256 + packet:getuint8(offset + 1)
end

-- The name at `offset` and where it ends; labels below a pointer do not move the end.
local function read_name(packet, offset)
  local labels, n, finish = {}, 0, nil
  while true do
    local length = packet:getuint8(offset)
    if length == 0 then
      if not finish then finish = offset + 1 end
      return table.concat(labels, "."), finish
    elseif length >= 192 then
      if not finish then finish = offset + 2 end
      offset = (length - 192) * 256 + packet:getuint8(offset + 1)
    else
      n = n + 1
      labels[n] = packet:getstring(offset + 1, length)
      offset = offset + 1 + length
    end
  end
end

local function parse(packet, seen)
  local questions, answers = be16(packet, 4), be16(packet, 6)
  local offset, sum, name = 12, be16(packet, 0), nil
  for _ = 1, questions do
    name, offset = read_name(packet, offset)
    seen[name] = (seen[name] or 0) + 1
    offset = offset + 4
  end
  for _ = 1, answers do
    name, offset = read_name(packet, offset)
    local kind, length = be16(packet, offset), be16(packet, offset + 8)
    if kind == 1 and length == 4 then
      for i = 0, 3 do sum = (sum * 256 + packet:getuint8(offset + 10 + i)) % 1000003 end
      seen[name] = seen[name] + 1
    end
    offset = offset + 10 + length
  end
  return sum
end

function run()
  local seen, sum = {}, 0
  for _ = 1, 50 do
    for i = 1, #packets do sum = (sum + parse(packets[i], seen)) % 1000003 end
  end
  for name, times in pairs(seen) do sum = sum + #name * times end
  return sum
end
