-- lua integers of every size
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
print(hex(string.pack("<bBhHiIlLjJ", -1, 255, -2, 65535, -3, 4294967295, -4, 5, -6, 7)))
-- output
fffffefffffffdfffffffffffffffcffffffffffffff0500000000000000faffffffffffffff0700000000000000

-- lua byte order
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
print(hex(string.pack("<i4", 1)), hex(string.pack(">i4", 1)), hex(string.pack(">I2<I2", 1, 1)), hex(string.pack("=I2", 1)))
-- output
01000000	00000001	00010100	0100

-- lua sizes from 1 to 16
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
for n = 1, 16 do io.write(hex(string.pack("<i" .. n, -2)), " ") end
print()
for n = 1, 16 do io.write(string.unpack("<i" .. n, string.pack("<i" .. n, -2)), " ") end
print()
-- output
fe feff feffff feffffff feffffffff feffffffffff feffffffffffff feffffffffffffff feffffffffffffffff feffffffffffffffffff feffffffffffffffffffff feffffffffffffffffffffff feffffffffffffffffffffffff feffffffffffffffffffffffffff feffffffffffffffffffffffffffff feffffffffffffffffffffffffffffff 
-2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 

-- lua strings with a length in front, with a zero behind, of a fixed size
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
print(hex(string.pack("<s1s2s4z c5", "a", "bc", "", "z", "ab")))
print(string.unpack("<s1s2s4zc5", string.pack("<s1s2s4zc5", "a", "bc", "", "z", "abcde")))
-- output
016102006263000000007a006162000000
a	bc		z	abcde	18

-- lua alignment
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
print(hex(string.pack("<!4 b i4", 1, 2)), hex(string.pack("<!2 b i4", 1, 2)), hex(string.pack("<b Xi4", 1)), hex(string.pack("<!4 b Xi4 b", 1, 2)), hex(string.pack("<bxb", 1, 2)))
-- output
0100000002000000	010002000000	01	0100000002	010002

-- lua packsize
print(string.packsize("b"), string.packsize("<!4 b i4"), string.packsize("i3"), string.packsize("!8 b i8 b"), string.packsize("c10x"), string.packsize(""), string.packsize("T"), string.packsize("lj"))
-- output
1	8	3	17	11	0	8	16

-- lua unpack gives the position behind
print(string.unpack("<I2", "\1\2\3\4"), string.unpack("<I2", "\1\2\3\4", 3), string.unpack("<I2I2", "\1\2\3\4"), string.unpack("", "abc"))
-- output
513	1027	513	1

-- lua unpack from a negative position
print(string.unpack("B", "abc", -1), string.unpack("B", "abc", -3), string.unpack("z", "ab\0cd\0", 4))
-- output
99	97	cd	7

-- lua values that do not fit
print(pcall(function() string.pack("b", 128) end))
print(pcall(function() string.pack("B", 256) end))
print(pcall(function() string.pack("B", -1) end))
print(pcall(function() string.pack("i2", 32768) end))
print(pcall(function() string.pack("I3", 1 << 24) end))
print(string.pack("j", math.mininteger) == string.pack("J", math.mininteger))
-- output
false	test:1: bad argument #2 to 'pack' (integer overflow)
false	test:2: bad argument #2 to 'pack' (unsigned overflow)
false	test:3: bad argument #2 to 'pack' (unsigned overflow)
false	test:4: bad argument #2 to 'pack' (integer overflow)
false	test:5: bad argument #2 to 'pack' (unsigned overflow)
true

-- lua unpack of what does not fit in 64 bits
print(pcall(function() string.unpack("<I9", "\0\0\0\0\0\0\0\0\1") end))
print(string.unpack("<I9", "\1\0\0\0\0\0\0\0\0"), string.unpack("<i16", ("\255"):rep(16)))
-- output
false	test:1: 9-byte integer does not fit into Lua Integer
1	-1	17

-- lua data that is too short
print(pcall(function() string.unpack("i4", "abc") end))
print(pcall(function() string.unpack("z", "abc") end))
print(pcall(function() string.unpack("s1", "\5abc") end))
print(pcall(function() string.unpack("c5", "abc") end))
print(pcall(function() string.unpack("b", "abc", 5) end))
print(string.unpack("c0", "abc", 4))
-- output
false	test:1: bad argument #2 to 'unpack' (data string too short)
false	test:2: bad argument #2 to 'unpack' (unfinished string for format 'z')
false	test:3: bad argument #2 to 'unpack' (data string too short)
false	test:4: bad argument #2 to 'unpack' (data string too short)
false	test:5: bad argument #3 to 'unpack' (initial position out of string)
	4

-- lua formats that are wrong
print(pcall(function() string.pack("i17", 1) end))
print(pcall(function() string.pack("i0", 1) end))
print(pcall(function() string.pack("q", 1) end))
print(pcall(function() string.pack("!3 i4", 1) end))
print(pcall(function() string.pack("X", 1) end))
print(pcall(function() string.pack("Xz", 1) end))
print(pcall(function() string.pack("c", 1) end))
print(pcall(function() string.packsize("s") end))
print(pcall(function() string.packsize("z") end))
-- output
false	test:1: integral size (17) out of limits [1,16]
false	test:2: integral size (0) out of limits [1,16]
false	test:3: invalid format option 'q'
false	test:4: bad argument #1 to 'pack' (format asks for alignment not power of 2)
false	test:5: bad argument #1 to 'pack' (invalid next option for option 'X')
false	test:6: bad argument #1 to 'pack' (invalid next option for option 'X')
false	test:7: missing size for format option 'c'
false	test:8: bad argument #1 to 'packsize' (variable-length format)
false	test:9: bad argument #1 to 'packsize' (variable-length format)

-- lua arguments of the wrong type
print(pcall(function() string.pack("i4", "x") end))
print(pcall(function() string.pack("i4", {}) end))
print(pcall(function() string.pack("z", {}) end))
print(pcall(function() string.pack("z", "a\0b") end))
print(pcall(function() string.pack("c2", "abc") end))
print(pcall(function() string.pack("s1", ("x"):rep(256)) end))
-- output
false	test:1: bad argument #2 to 'pack' (number expected, got string)
false	test:2: bad argument #2 to 'pack' (number expected, got table)
false	test:3: bad argument #2 to 'pack' (string expected, got table)
false	test:4: bad argument #2 to 'pack' (string contains zeros)
false	test:5: bad argument #2 to 'pack' (string longer than given size)
false	test:6: bad argument #2 to 'pack' (string length does not fit in given size)

-- lua numbers for strings and strings for numbers
print(string.pack("z", 12) == "12\0", string.pack("b", "7") == "\7")
-- output
true	true

-- lua no floats in packs (kernel)
for _, c in ipairs { "f", "d" } do print(pcall(function() string.pack(c, 1) end)) print(pcall(function() string.unpack(c, ("\0"):rep(8)) end)) end
print(string.pack("n", 1) == string.pack("i8", 1), string.unpack("n", string.pack("n", -5)))
-- output
false	test:1: invalid format option 'f'
false	test:1: invalid format option 'f'
false	test:1: invalid format option 'd'
false	test:1: invalid format option 'd'
true	-5	9

-- lua round trips
for _, v in ipairs { 0, 1, -1, 127, -128, 32767, -32768, 2147483647, -2147483648, math.maxinteger, math.mininteger } do
  io.write(string.unpack("<j", string.pack("<j", v)) == v and "." or "x", string.unpack(">j", string.pack(">j", v)) == v and "." or "x")
end
print()
-- output
......................
