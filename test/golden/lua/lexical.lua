-- lua decimal and hexadecimal numerals
print(7, 0, 007, 123456789, 9007199254740991, 9007199254740992, 9223372036854775807)
print(0x1F, 0XfF, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff)
print(0x1ffffffffffffffff, 0x123456789abcdef01)
print(-9223372036854775807 - 1, math.mininteger, math.maxinteger)
-- lua escapes in quoted strings
print("a\tb|\65\066\0670|\x41\x7a|\u{48}\u{20AC}|\"'\\|" .. '"\'')
print(#"\a\b\f\n\r\t\v\0\z
      x", "one\
two")
print(#"\u{7FFFFFFF}", ("\u{7FFFFFFF}"):byte(1, -1))
print(("\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}"):byte(1, -1))
-- lua long strings
print([[first
second]], [==[
]]drop the first end of line]==], #[[

]])
print([[\n stays]], [=[ [[nested]] ]=])
-- lua comments
print(1) -- to the end
--[[ long
comment ]] print(2)
--[==[ ]] still ]==] print(3)
---[[ not long
print(4)
--
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
-- lua strings of every byte
local s = ""
for i = 0, 255 do s = s .. string.char(i) end
print(#s, s:byte(1), s:byte(128), s:byte(256))
print(load("return '" .. string.char(200, 0, 255) .. "'")():byte(1, -1))
-- lua first line of the shell
print(load("#!/usr/bin/lua\nreturn 5"))
print(load("# only a comment"))
-- lua numerals and names do not join (kernel)
print(load("return 3abc"))
print(load("return 1e5"))
print(load("return 9223372036854775808"))
print(load("return 1.5"))
print(load("return .5"))
print(load("return 0x1p4"))
print(load("return 2 ^ 3"))
print(load("return 0x"))
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
