-- LuaJIT's `data`: the methods that dns.lua uses, over C memory, with the same bounds rule.
local ffi = require("ffi")
ffi.cdef("typedef struct { int32_t size; uint8_t bytes[?]; } bench_data;")

local Data = {}

local function check(self, offset, length)
  if offset < 0 or length <= 0 or offset + length > self.size then error("out of bounds", 3) end
end

function Data:getuint8(offset)
  check(self, offset, 1)
  return self.bytes[offset]
end

function Data:getstring(offset, length)
  check(self, offset, length)
  return ffi.string(self.bytes + offset, length)
end

function Data:setstring(offset, text)
  check(self, offset, #text)
  ffi.copy(self.bytes + offset, text, #text)
end

local new = ffi.metatype("bench_data", { __index = Data, __len = function(self) return self.size end })

return {
  new = function(size) return new(size, size) end,
}
