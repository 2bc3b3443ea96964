-- lua addition wraps around
local max, min = math.maxinteger, math.mininteger
print(max + 1 == min, min - 1 == max, max + max, min + min, -min == min)
print(9007199254740991 + 1, 9007199254740991 + 2, 9007199254740993 - 2, -9007199254740991 - 2)
print(9007199254740992 + 9007199254740992, 4611686018427387904 * 2, 4611686018427387904 + 4611686018427387904)
-- output
true	true	-2	0	true
9007199254740992	9007199254740993	9007199254740991	-9007199254740993
18014398509481984	-9223372036854775808	-9223372036854775808

-- lua multiplication wraps around
print(3037000500 * 3037000500, 4294967296 * 4294967296, 0x123456789abcdef * 0xfedcba987654321)
print(94906267 * 94906267, -94906267 * 94906267, math.maxinteger * math.maxinteger, math.mininteger * -1)
local h = 0xcbf29ce484222325
for _, c in ipairs { 97, 98, 99 } do h = (h ~ c) * 0x100000001b3 end
print(h, string.format("%x", h))
-- output
-9223372036709301616	0	2459930256624457935
9007199515875289	-9007199515875289	1	-9223372036854775808
-1792535898324117685	e71fa2190541574b

-- lua floor division and modulo
for _, p in ipairs { { 7, 2 }, { -7, 2 }, { 7, -2 }, { -7, -2 }, { 6, 3 }, { -6, 3 }, { 0, -5 }, { 1, 5 }, { -1, 5 } } do
  print(p[1] // p[2], p[1] % p[2])
end
print(math.mininteger // -1, math.mininteger % -1, math.maxinteger // -1, math.mininteger // 1)
print(math.mininteger // 2, math.mininteger % 7, math.maxinteger % -7, math.maxinteger // 1000003)
print(9007199254740993 // 10, 9007199254740993 % 10, -9007199254740993 // 10, -9007199254740993 % 10)
print(9007199254740991 // 3, -9007199254740991 // 3, 9007199254740991 % 1000, 5 % math.maxinteger, -5 % math.maxinteger)
-- output
3	1
-4	1
-4	-1
3	-1
2	0
-2	0
0	0
0	1
-1	4
-9223372036854775808	0	-9223372036854775807	-9223372036854775808
-4611686018427387904	6	0	9223344366821
900719925474099	3	-900719925474100	7
3002399751580330	-3002399751580331	991	5	9223372036854775802

-- lua zero has no sign
print(0 * -1, -0, 0 // -3, 0 % -3, -(0), 3 * 0 * -1, tostring(0 * -5), -5 % 5)
-- output
0	0	0	0	0	0	0	0

-- lua division by zero (kernel)
print(pcall(function(a) return a // 0 end, 1))
print(pcall(function(a) return a / 0 end, 1))
print(pcall(function(a) return a % 0 end, 1))
print(pcall(function(a, b) return a // b end, math.mininteger, 0))
-- output
false	test:1: attempt to divide by zero
false	test:2: attempt to divide by zero
false	test:3: attempt to perform 'n%0'
false	test:4: attempt to divide by zero

-- lua the slash is floor division (kernel)
print(7 / 2, -7 / 2, 1 / 3, 2 * 3 / 4, "9" / 2)
print(setmetatable({}, { __idiv = function(a, b) return "idiv" end }) / 1)
print(pcall(function() return setmetatable({}, { __div = function() end }) / 1 end))
-- output
3	-4	0	1	4
idiv
false	test:3: attempt to perform arithmetic on a table value

-- lua bitwise operators
print(5 & 3, 5 | 3, 5 ~ 3, ~5, ~0, -1 & 0xff, -1 | 0, -1 ~ 0)
print(0xffffffff & 0x80000000, 0x80000000 | 1, 0xffffffff ~ 0x80000000, ~0x80000000, ~0xffffffff)
print(0xf0f0f0f0f0f0f0f0 & 0xff00ff00ff00ff00, 0x7fffffffffffffff ~ -1, math.mininteger | 1, ~math.mininteger)
print(0x1fffffffffffff & 0x7fffffff, 0x1fffffffffffff | 0x80000000, 4294967296 & 4294967296, 4294967296 | 1)
print(1 << 31 & 0xffffffff, -2147483648 & -1, 2147483648 & 4294967295, 2147483647 & 0xffff0000, -5 & 0x7fffffff)
-- output
1	7	6	-6	-1	255	-1	-1
2147483648	2147483649	2147483647	-2147483649	-4294967296
-1152657617789587456	-9223372036854775808	-9223372036854775807	9223372036854775807
2147483647	9007199254740991	4294967296	4294967297
2147483648	-2147483648	2147483648	2147418112	2147483643

-- lua shifts
print(1 << 0, 1 << 31, 1 << 32, 1 << 52, 1 << 53, 1 << 62, 1 << 63, 1 << 64, 1 << 65, 1 << 1000)
print(1 >> 1, -1 >> 1, -1 >> 32, -1 >> 63, -1 >> 64, -1 >> 0, 256 >> 4, math.mininteger >> 63)
print(1 << -1, 2 << -1, 1 >> -1, 1 >> -63, 1 >> -64, -1 << 63, -1 << 64, 3 << math.maxinteger, 3 >> math.mininteger)
print(0x123456789abcdef << 4, 0x123456789abcdef >> 4, 0xffffffffffffffff << 8, 5 << 60, -3 << 2, -3 << 61)
local n = 31
print(1 << n, 1 << (n + 1), -1 >> n, 0xdeadbeef >> n, 0xdeadbeef << n)
-- output
1	2147483648	4294967296	4503599627370496	9007199254740992	4611686018427387904	-9223372036854775808	0	0	0
0	9223372036854775807	4294967295	1	0	-1	16	1
0	1	2	-9223372036854775808	0	-9223372036854775808	0	0	0
1311768467463790320	5124095576030430	-256	5764607523034234880	-12	-6917529027641081856
2147483648	4294967296	8589934591	1	8022845490548703232

-- lua precedence and grouping
print(2 + 3 * 4 - 5, (2 + 3) * 4, 7 // 2 * 2, -2 * 3, - -3, not nil == true, not (nil == true))
print(1 << 2 + 1, 1 | 2 ~ 3 & 4, 6 & 3 << 1, 5 - 3 - 1, 2 .. 3 .. 4, "a" .. 1 + 2, -3 % 5, ~1 + 1)
print(1 < 2 == true, 1 + 1 == 2 and 2 * 2 == 4, nil and 1 or 2, false or nil, 1 and 2, nil == false, #"abc" + 1, -"2" + 0)
-- output
9	20	6	-6	3	true	true
8	3	6	1	234	a3	2	-1
true	true	2	nil	2	false	4	-2

-- lua strings as integers
print("10" + 1, "0x10" * 2, " 7 " - 1, "-3" * "2", -"4", "\t5\n" // 2, 10 .. "")
print("0xffffffffffffffff" + 0, "9223372036854775807" + 0)
print(10 == "10", 0 == "0", "1" < "2")
-- output
11	32	6	-6	-4	2	10
-1	9223372036854775807
false	false	true

-- lua strings that are no integers (kernel)
for _, s in ipairs { "1.5", "9223372036854775808", "0x1p4", "1e2" } do print((pcall(function() return s + 1 end))) end
print(tonumber("1.5"), tonumber("1e2"), tonumber("9223372036854775808"), tonumber("0x1p4"), tonumber("inf"), tonumber("nan"))
-- output
false
false
false
false
nil	nil	nil	nil	nil	nil

-- lua operands of the wrong type
print(pcall(function() return nil + 1 end))
print(pcall(function() local a; return a + 1 end))
print(pcall(function() local a = {}; return 1 - a end))
print(pcall(function() return undefinedname * 2 end))
print(pcall(function() local t = {}; return t.x.y end))
print(pcall(function() local t = {}; return t.field // 2 end))
print(pcall(function() local t = { k = true }; return -t.k end))
print(pcall(function() local t = {}; return t & 1 end))
print(pcall(function() local t; return 1 << t end))
print(pcall(function() return ~{} end))
print(pcall(function() local s = "a"; return {} .. s end))
print(pcall(function() local s; return "a" .. s end))
print(pcall(function() return 1 .. {} end))
print(pcall(function() local f = print; return f + 1 end))
print(pcall(function() local t; return #t end))
print(pcall(function() return #5 end))
-- output
false	test:1: attempt to perform arithmetic on a nil value
false	test:2: attempt to perform arithmetic on a nil value (local 'a')
false	test:3: attempt to perform arithmetic on a table value (local 'a')
false	test:4: attempt to perform arithmetic on a nil value (global 'undefinedname')
false	test:5: attempt to index a nil value (field 'x')
false	test:6: attempt to perform arithmetic on a nil value (field 'field')
false	test:7: attempt to perform arithmetic on a boolean value (field 'k')
false	test:8: attempt to perform bitwise operation on a table value (local 't')
false	test:9: attempt to perform bitwise operation on a nil value (local 't')
false	test:10: attempt to perform bitwise operation on a table value
false	test:11: attempt to concatenate a table value
false	test:12: attempt to concatenate a nil value (local 's')
false	test:13: attempt to concatenate a table value
false	test:14: attempt to perform arithmetic on a function value (local 'f')
false	test:15: attempt to get length of a nil value (local 't')
false	test:16: attempt to get length of a number value

-- lua evaluation order
local log = {}
local function v(x) log[#log + 1] = x return x end
local _ = v(1) + v(2) * v(3) - v(4)
_ = v(5) .. v(6) .. v(7)
_ = v(8) < v(9)
_ = v(10) > v(11)
_ = { v(12), [v(13)] = v(14), x = v(15), v(16) }
print(table.concat(log, " "))
-- output
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16

-- lua small and large operands mixed
local big = 1 << 60
print(big + 1, 1 + big, big - big, big * 0, big // big, big % 10, 3 - big, big == 1 << 60, big ~= big + 1)
print(big < big + 1, big <= big, -big < 5, 5 > -big, big > 9007199254740991, math.mininteger < math.maxinteger)
print(big & 0xff, big | 0xff, big ~ 0xff, ~big, big >> 60, big << 3, -big, - -big)
local x = 9007199254740991
x = x + 1 x = x - 1
print(x, x == 9007199254740991, ({ [9007199254740991] = "found" })[x])
-- output
1152921504606846977	1152921504606846977	0	0	1	6	-1152921504606846973	true	true
true	true	true	true	true	true
0	1152921504606847231	1152921504606847231	-1152921504606846977	1	-9223372036854775808	-1152921504606846976	1152921504606846976
9007199254740991	true	found

-- lua halves of an integer that change places
local h = 0x123456789abcdef1
local function shr() h = h >> 32 return h end
local function shl() h = h << 32 return h end
local function turn() h = (h << 32) | (h >> 32) return h end
local function twist() h = (h << 32) ~ (h >> 40) return h end
local function mul() h = h * 0x9e3779b97f4a7c15 return h end
print(turn(), turn(), twist(), mul(), shr(), mul(), shl(), turn())
local function own(h, n)
  h = h ~ 0x9e3779b97f4a7c15
  for i = 1, n do h = (h << 32) | (h >> 32) h = h + i end
  local k = h h = h >> 32 k = (k << 32) ~ (h << 33)
  return h, k
end
print(own(0x123456789abcdef1, 3))
print(coroutine.wrap(own)(-5, 4))
print(coroutine.wrap(function() h = -2 return turn(), shr() end)())
-- output
-7296712169273141640	1311768467463790321	-7296712169577368490	2921863286292214542	680299309	8947911216763975345	-796232575277334528	4109579953
3858146022	5183196808037269504
1640531530	4838149542182387712
-4294967297	4294967294
