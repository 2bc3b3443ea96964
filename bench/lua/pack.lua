-- string.pack and string.unpack: headers of several widths, both byte orders, counted strings.
local pack, unpack = string.pack, string.unpack

function run()
  local sum = 0
  for i = 1, 45000 do
    local header = pack(">I2I2I4B", i % 65536, 53, i * 40009, i % 256)
    local from, to, number, flags = unpack(">I2I2I4B", header)
    sum = (sum + from + to + number + flags) % 1000003
    local record = pack("<i4s1I1", i - 20000, "name" .. i % 100, i % 200)
    local signed, name, last, next_offset = unpack("<i4s1I1", record)
    sum = (sum + signed + #name + last + next_offset) % 1000003
  end
  return sum
end
