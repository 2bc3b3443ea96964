-- lua decimal and hexadecimal numerals
print(7, 0, 007, 123456789, 9007199254740991, 9007199254740992, 9223372036854775807)
print(0x1F, 0XfF, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff)
print(0x1ffffffffffffffff, 0x123456789abcdef01)
print(-9223372036854775807 - 1, math.mininteger, math.maxinteger)
-- output
7	0	7	123456789	9007199254740991	9007199254740992	9223372036854775807
31	255	9223372036854775807	-9223372036854775808	-1
-1	2541551405711093505
-9223372036854775808	-9223372036854775808	9223372036854775807

-- lua escapes in quoted strings
print("a\tb|\65\066\0670|\x41\x7a|\u{48}\u{20AC}|\"'\\|" .. '"\'')
print(#"\a\b\f\n\r\t\v\0\z
      x", "one\
two")
print(#"\u{7FFFFFFF}", ("\u{7FFFFFFF}"):byte(1, -1))
print(("\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}"):byte(1, -1))
-- output
a	b|ABC0|Az|H\xe2\x82\xac|"'\|"'
9	one
two
6	253	191	191	191	191	191
127	194	128	223	191	224	160	128	239	191	191	240	144	128	128

-- lua long strings
print([[first
second]], [==[
]]drop the first end of line]==], #[[

]])
print([[\n stays]], [=[ [[nested]] ]=])
-- output
first
second	]]drop the first end of line	1
\n stays	 [[nested]] 

-- lua comments
print(1) -- to the end
--[[ long
comment ]] print(2)
--[==[ ]] still ]==] print(3)
---[[ not long
print(4)
--
-- output
1
2
3
4

-- lua names and keywords
local _a1, A, end_, nilly = 1, 2, 3, 4
print(_a1, A, end_, nilly)
local and_or = "constructor"
local t = { ["and"] = 1, __proto__ = 2, constructor = 3, toString = 4 }
print(t["and"], t.__proto__, t.constructor, t.toString, t.valueOf, t[and_or])
local undefined, NaN, arguments, eval, this, var, let = 1, 2, 3, 4, 5, 6, 7
print(undefined, NaN, arguments, eval, this, var, let)
function await(yield, new) return yield + new end
print(await(1, 2))
-- output
1	2	3	4
1	2	3	4	nil	3
1	2	3	4	5	6	7
3

-- lua strings of every byte
local s = ""
for i = 0, 255 do s = s .. string.char(i) end
print(#s, s:byte(1), s:byte(128), s:byte(256))
print(load("return '" .. string.char(200, 0, 255) .. "'")():byte(1, -1))
-- output
256	0	127	255
200	0	255

-- lua first line of the shell
print(load("#!/usr/bin/lua\nreturn 5"))
print(load("# only a comment"))
-- output
nil	[string "#!/usr/bin/lua..."]:1: unexpected symbol near '#'
nil	[string "# only a comment"]:1: unexpected symbol near '#'

-- lua numerals and names do not join (kernel)
print(load("return 3abc"))
print(load("return 1e5"))
print(load("return 9223372036854775808"))
print(load("return 1.5"))
print(load("return .5"))
print(load("return 0x1p4"))
print(load("return 2 ^ 3"))
print(load("return 0x"))
-- output
nil	[string "return 3abc"]:1: malformed number near '3abc'
nil	[string "return 1e5"]:1: malformed number near '1e5'
nil	[string "return 9223372036854775808"]:1: malformed number near '9223372036854775808'
nil	[string "return 1.5"]:1: <eof> expected near '.'
nil	[string "return .5"]:1: unexpected symbol near '.'
nil	[string "return 0x1p4"]:1: <eof> expected near 'p4'
nil	[string "return 2 ^ 3"]:1: <eof> expected near '^'
nil	[string "return 0x"]:1: malformed number near '0x'

-- lua malformed tokens
print(load("x = 'abc"))
print(load("x = 'abc\ndef'"))
print(load("x = [[abc"))
print(load("--[[ abc"))
print(load([[x = "\q"]]))
print(load([[x = "\300"]]))
print(load([[x = "\xZZ"]]))
print(load([[x = "\u{110000000}"]]))
print(load([[x = "\u123"]]))
print(load([[x = "\u{12"]]))
print(load("x = @"))
print(load("x = 5 $ 3"))
print(load("x = [=abc"))
print(load("x = ~= 1"))
-- output
nil	[string "x = 'abc"]:1: unfinished string near <eof>
nil	[string "x = 'abc..."]:1: unfinished string near ''abc'
nil	[string "x = [[abc"]:1: unfinished long string (starting at line 1) near <eof>
nil	[string "--[[ abc"]:1: unfinished long comment (starting at line 1) near <eof>
nil	[string "x = "\q""]:1: invalid escape sequence near '"\q'
nil	[string "x = "\300""]:1: decimal escape too large near '"\300"'
nil	[string "x = "\xZZ""]:1: hexadecimal digit expected near '"\xZ'
nil	[string "x = "\u{110000000}""]:1: UTF-8 value too large near '"\u{110000000'
nil	[string "x = "\u123""]:1: missing '{' near '"\u1'
nil	[string "x = "\u{12""]:1: missing '}' near '"\u{12"'
nil	[string "x = @"]:1: unexpected symbol near '@'
nil	[string "x = 5 $ 3"]:1: unexpected symbol near '$'
nil	[string "x = [=abc"]:1: invalid long string delimiter near '[='
nil	[string "x = ~= 1"]:1: unexpected symbol near '~='
