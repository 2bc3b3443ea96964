-- lua char makes sequences of one to six bytes
for _, c in ipairs { 0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff, 0x200000, 0x3ffffff, 0x4000000, 0x7fffffff } do
  local s = utf8.char(c)
  io.write(#s, ":", s:byte(), "..", s:byte(-1), " ")
end
print() print(#utf8.char(), utf8.char(72, 228, 8364) == "H\xc3\xa4\xe2\x82\xac")
-- output
1:0..0 1:127..127 2:194..128 2:223..191 3:224..128 3:239..191 4:240..128 4:244..191 5:248..128 5:251..191 6:252..128 6:253..191 
0	true

-- lua len counts characters
print(utf8.len(""), utf8.len("abc"), utf8.len("h\xc3\xa4\xe2\x82\xac"), utf8.len("h\xc3\xa4", 2), utf8.len("abc", -2), utf8.len("abc", 2, 2), utf8.len("abc", 4))
-- output
0	3	3	1	2	1	0

-- lua len tells where a sequence is wrong
print(utf8.len("ab\xff"), utf8.len("\xc3"), utf8.len("\x80"), utf8.len("a\xc3\xa4", 3), utf8.len("\xe2\x82"), utf8.len("\xc0\x80"), utf8.len("\xed\xa0\x80"), utf8.len("\xf4\x90\x80\x80"))
-- output
nil	nil	nil	nil	nil	nil	nil	nil	1

-- lua lax takes every sequence up to six bytes
print(utf8.len("\xed\xa0\x80", 1, -1, true), utf8.len("\xf4\x90\x80\x80", 1, -1, true), utf8.len("\xfd\xbf\xbf\xbf\xbf\xbf", 1, -1, true), utf8.len("\xc0\x80", 1, -1, true))
print(utf8.codepoint("\xfd\xbf\xbf\xbf\xbf\xbf", 1, 1, true))
-- output
1	1	1	nil	1
2147483647

-- lua codepoint
print(utf8.codepoint("h\xc3\xa4\xe2\x82\xac", 1, -1), utf8.codepoint("abc"), utf8.codepoint("abc", 2), utf8.codepoint("abc", -1), select("#", utf8.codepoint("abc", 3, 2)))
-- output
104	97	98	99	0

-- lua codes walks the characters
for p, c in utf8.codes("h\xc3\xa4\xe2\x82\xac!") do io.write(p, ":", c, " ") end
print()
-- output
1:104 2:228 4:8364 7:33 

-- lua codes over wrong sequences
print(pcall(function() for p, c in utf8.codes("a\xffb") do io.write(p, " ") end end))
print(pcall(function() for p, c in utf8.codes("\xed\xa0\x80") do end end))
for p, c in utf8.codes("\xed\xa0\x80x", true) do io.write(p, ":", c, " ") end
print()
-- output
1 false	test:1: invalid UTF-8 code
false	test:2: invalid UTF-8 code
1:55296 4:120 

-- lua wrong positions and codes
print(pcall(function() utf8.len("abc", 5) end))
print(pcall(function() utf8.len("abc", 0) end))
print(pcall(function() utf8.len("abc", 1, 4) end))
print(pcall(function() utf8.codepoint("abc", 4) end))
print(pcall(function() utf8.codepoint("abc", 0) end))
print(pcall(function() utf8.codepoint("a\xff", 2) end))
print(pcall(function() utf8.char(-1) end))
print(pcall(function() utf8.char(0x80000000) end))
print(pcall(function() utf8.offset("abc", 1, 5) end))
print(pcall(function() utf8.offset("\xc3\xa4", 1, 2) end))
-- output
false	test:1: bad argument #2 to 'len' (initial position out of bounds)
false	test:2: bad argument #2 to 'len' (initial position out of bounds)
false	test:3: bad argument #3 to 'len' (final position out of bounds)
false	test:4: bad argument #3 to 'codepoint' (out of bounds)
false	test:5: bad argument #2 to 'codepoint' (out of bounds)
false	test:6: invalid UTF-8 code
false	test:7: bad argument #1 to 'char' (value out of range)
false	test:8: bad argument #1 to 'char' (value out of range)
false	test:9: bad argument #3 to 'offset' (position out of bounds)
false	test:10: initial position is a continuation byte

-- lua offset gives the place of a character
local s = "h\xc3\xa4\xe2\x82\xacx"
print((utf8.offset(s, 1)), (utf8.offset(s, 2)), (utf8.offset(s, 3)), (utf8.offset(s, 4)), (utf8.offset(s, 5)), (utf8.offset(s, 6)))
print((utf8.offset(s, -1)), (utf8.offset(s, -2)), (utf8.offset(s, -4)), (utf8.offset(s, -5)), (utf8.offset(s, 0, 3)), (utf8.offset(s, 0, 5)), (utf8.offset(s, 1, 4)), (utf8.offset(s, -1, 4)))
-- output
1	2	4	7	8	nil
7	4	1	nil	2	4	4	2

-- lua offset gives the end of the character too (kernel)
local s = "h\xc3\xa4\xe2\x82\xacx"
print(utf8.offset(s, 1)) print(utf8.offset(s, 2)) print(utf8.offset(s, 3)) print(utf8.offset(s, 5)) print(utf8.offset(s, 6)) print(utf8.offset(s, 0, 3)) print(utf8.offset(s, -1))
-- output
1	1
2	3
4	6
8	8
nil
2	3
7	7

-- lua charpattern matches one character
local n = 0
for c in ("h\xc3\xa4\xe2\x82\xac"):gmatch(utf8.charpattern) do n = n + 1 io.write(#c, " ") end
print(n, utf8.charpattern == "[\0-\x7F\xC2-\xFD][\x80-\xBF]*")
-- output
1 2 3 3	true

-- lua escapes of code points in source
print("\u{48}\u{e4}\u{20AC}" == utf8.char(0x48, 0xe4, 0x20ac), #"\u{7FFFFFFF}", "\u{0}" == "\0", "\u{00000041}")
-- output
true	6	true	A
