-- pack.lua for LuaJIT, which has no string.pack: the same bytes through C structures and `bit`.
local ffi, bit = require("ffi"), require("bit")
ffi.cdef([[
  #pragma pack(push, 1)
  typedef struct { uint16_t from, to; uint32_t number; uint8_t flags; } bench_header;
  typedef struct { int32_t number; uint8_t length; uint8_t rest[256]; } bench_record;
  #pragma pack(pop)
]])
local bswap, rshift = bit.bswap, bit.rshift
local out, record = ffi.new("bench_header"), ffi.new("bench_record")
local header_type, record_type = ffi.typeof("const bench_header *"), ffi.typeof("const bench_record *")

local function swap16(n) return rshift(bswap(n), 16) end
local function unsigned(n) return n % 4294967296 end

local function pack_header(from, to, number, flags)
  out.from, out.to, out.number, out.flags = swap16(from), swap16(to), unsigned(bswap(number)), flags
  return ffi.string(out, 9)
end

local function unpack_header(text)
  local header = ffi.cast(header_type, text)
  return swap16(header.from), swap16(header.to), unsigned(bswap(header.number)), header.flags
end

local function pack_record(number, name, last)
  record.number, record.length = number, #name
  ffi.copy(record.rest, name, #name)
  record.rest[#name] = last
  return ffi.string(record, 6 + #name)
end

local function unpack_record(text)
  local from = ffi.cast(record_type, text)
  return from.number, ffi.string(from.rest, from.length), from.rest[from.length], 7 + from.length
end

function run()
  local sum = 0
  for i = 1, 45000 do
    local header = pack_header(i % 65536, 53, i * 40009, i % 256)
    local from, to, number, flags = unpack_header(header)
    sum = (sum + from + to + number + flags) % 1000003
    local text = pack_record(i - 20000, "name" .. i % 100, i % 200)
    local signed, name, last, next_offset = unpack_record(text)
    sum = (sum + signed + #name + last + next_offset) % 1000003
  end
  return sum
end
