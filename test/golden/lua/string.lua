-- lua len counts bytes
print(#"", #"abc", #"\0\0", ("é"):len(), string.len(12345))
-- output
0	3	2	2	5

-- lua sub counts from both ends
local s = "hello"
print(s:sub(2), s:sub(2, 3), s:sub(-3), s:sub(-3, -2), s:sub(2, -2))
-- output
ello	el	llo	ll	ell

-- lua sub outside the string is cut
local s = "hello"
print(s:sub(0), s:sub(-100), s:sub(1, 100), s:sub(-100, 2) == "he")
print("[" .. s:sub(6) .. "]", "[" .. s:sub(4, 3) .. "]", "[" .. s:sub(10, 20) .. "]", "[" .. s:sub(1, 0) .. "]", "[" .. s:sub(1, -6) .. "]")
-- output
hello	hello	hello	true
[]	[]	[]	[]	[]

-- lua sub with extreme positions
local s = "hello"
print(s:sub(math.mininteger, math.maxinteger), s:sub(math.maxinteger), s:sub(math.mininteger), s:sub(1, math.mininteger))
-- output
hello		hello	

-- lua sub takes numbers for strings
print(string.sub(12345, 2, 3), (12345 .. ""):sub(-2), ("abc"):sub("2"), ("abc"):sub("0x2", "3"))
-- output
23	45	bc	bc

-- lua byte gives codes
print(("abc"):byte(), ("abc"):byte(2), ("abc"):byte(-1), ("abc"):byte(1, -1))
print(("\0\255\128"):byte(1, 3))
-- output
97	98	99	97	98	99
0	255	128

-- lua byte outside gives nothing
print(select("#", ("abc"):byte(4)), select("#", ("abc"):byte(0)), select("#", (""):byte()), select("#", ("abc"):byte(-4)), select("#", ("abc"):byte(3, 2)))
-- output
0	0	0	0	0

-- lua char makes a string of codes
print(string.char(72, 105), #string.char(), string.char(0, 255) == "\0\255", string.char("65"))
-- output
Hi	0	true	A

-- lua char refuses what is no byte
print(pcall(function() string.char(256) end))
print(pcall(function() string.char(65, -1) end))
print(pcall(function() string.char(65, "x") end))
-- output
false	test:1: bad argument #1 to 'char' (value out of range)
false	test:2: bad argument #2 to 'char' (value out of range)
false	test:3: bad argument #2 to 'char' (number expected, got string)

-- lua rep repeats with a separator
print(("ab"):rep(3), ("ab"):rep(3, "-"), ("ab"):rep(1, "-"), "[" .. ("ab"):rep(0, "-") .. "]", "[" .. ("ab"):rep(-5) .. "]", (""):rep(5, ","))
-- output
ababab	ab-ab-ab	ab	[]	[]	,,,,

-- lua rep of nothing is free
print(#(""):rep(100000), #(""):rep(100, ""))
-- output
0	0

-- lua rep refuses what is too long
print(pcall(function() ("x"):rep(1 << 62) end))
print(pcall(function() ("abcdefgh"):rep(math.maxinteger) end))
print(pcall(function() (""):rep(math.maxinteger, "ab") end))
-- output
false	test:1: resulting string too large
false	test:2: resulting string too large
false	test:3: resulting string too large

-- lua reverse, upper, lower
print(("hello"):reverse(), (""):reverse(), ("a\0b"):reverse() == "b\0a")
print(("Hello World 1"):upper(), ("Hello World 1"):lower(), (""):upper())
-- output
olleh		true
HELLO WORLD 1	hello world 1	

-- lua upper and lower leave bytes above 127 alone
print(("é\200\255z"):upper() == "é\200\255Z", ("É\192A"):lower() == "É\192a")
-- output
true	true

-- lua strings compare byte by byte
print("a" < "b", "a" < "B", "" < "a", "a\0" > "a", "\255" > "a", "abc" < "abd", "Z" < "a", "10" < "9")
-- output
true	false	true	true	true	true	true	true

-- lua equal strings are one value
local a, b = "x" .. 1, "x1"
print(a == b, rawequal(a, b), ({ [a] = true })[b])
-- output
true	true	true

-- lua methods through the metatable of strings
print(("x"):rep(3), ("%d"):format(5), #("abc"):upper(), ("a,b"):find(",", 1, true))
print(getmetatable("").__index == string, ("x").len == string.len)
-- output
xxx	5	3	2	2
true	true

-- lua indexing a string looks into the library
print(("x").y, ("x")[1], ("abc").upper == string.upper)
-- output
nil	nil	true

-- lua a method of a number's text
print((5 .. ""):rep(2), tostring(12):len())
-- output
55	2

-- lua numbers as arguments where strings are wanted
print(string.len(100), string.rep(1, 3), string.reverse(123), string.upper(1), string.byte(1))
-- output
3	111	321	1	49

-- lua arguments of the wrong type
print(pcall(function() string.len({}) end))
print(pcall(function() string.len(true) end))
print(pcall(function() string.rep("x", true) end))
print(pcall(function() string.sub("x", {}) end))
print(pcall(function() string.sub("x", 1, "y") end))
print(pcall(function() string.upper(function() end) end))
-- output
false	test:1: bad argument #1 to 'len' (string expected, got table)
false	test:2: bad argument #1 to 'len' (string expected, got boolean)
false	test:3: bad argument #2 to 'rep' (number expected, got boolean)
false	test:4: bad argument #2 to 'sub' (number expected, got table)
false	test:5: bad argument #3 to 'sub' (number expected, got string)
false	test:6: bad argument #1 to 'upper' (string expected, got function)

-- lua the object of a method is not counted
print(pcall(function() ("x"):rep({}) end))
print(pcall(function() ("x"):sub(1, {}) end))
print(pcall(function() ("x"):find({}) end))
print(pcall(function() local s = "x" s:gsub("x", "y", {}) end))
-- output
false	test:1: bad argument #1 to 'rep' (number expected, got table)
false	test:2: bad argument #2 to 'sub' (number expected, got table)
false	test:3: bad argument #1 to 'find' (string expected, got table)
false	test:4: bad argument #3 to 'gsub' (number expected, got table)

-- lua dump is not there (kernel)
print(pcall(string.dump, print))
print(pcall(string.dump, function() end))
print(pcall(function() string.dump() end))
-- output
false	unable to dump given function
false	unable to dump given function
false	test:3: bad argument #1 to 'dump' (function expected, got no value)

-- lua what the library holds
local names = {}
for k, v in pairs(string) do names[#names + 1] = k end
table.sort(names)
print(table.concat(names, " "))
-- output
byte char dump find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper

-- lua string arithmetic calls the handler of the other operand
local t = setmetatable({}, { __add = function(a, b) return "added" end, __idiv = function() return "divided" end })
print("10" + t, t + "x", "abc" + t, "8" // t)
-- output
added	added	added	divided

-- lua concat of numbers uses their decimal text
print(1 .. 2, -1 .. "", math.mininteger .. "", 1 .. -1)
-- output
12	-1	-9223372036854775808	1-1

-- lua embedded zeros are kept
local s = "a\0b\0"
print(#s, s:byte(1, -1))
print(#(s .. s), (s .. s):find("\0", 3, true))
-- output
4	97	0	98	0
8	4	4

-- lua strings are keys by value
local t = {}
t["k" .. 1] = 1
t["k1"] = (t["k1"] or 0) + 1
print(t.k1, next(t))
-- output
2	k1	2


-- lua byte of what is no string, in a call that is compiled for strings
print(pcall(function() return (string.byte(57, 1)) end))
print(pcall(function() return (string.byte(-1, 1)) end))
print(pcall(function() return (string.byte(nil, 1)) end))
print((string.byte("57", 1)), (string.byte("a", -1)), (string.byte("a", 2)))
-- output
true	53
true	45
false	test:3: bad argument #1 to 'byte' (string expected, got nil)
53	97	nil

-- lua a text in front of numbers, again and again
local function name(i) return "key" .. i end
local t, same = {}, true
for _ = 1, 2 do
  for _, i in ipairs({ 0, 7, 255, 256, -1, 9007199254740993, "7", "x" }) do t[name(i)] = i same = same and name(i) == "key" .. tostring(i) end
end
print(same, t.key0, t.key7, t.key255, t.key256, t["key-1"], t.key9007199254740993, t.keyx)
for i = 1, 3 do print(pcall(name, nil), pcall(name, {}), name(setmetatable({}, { __concat = function(a) return a .. i end }))) end
local function other(i) return "id" .. i, "key" .. i, i .. "key" end
for i = 1, 3 do print(other(i)) end
-- output
true	0	7	255	256	-1	9007199254740993	x
false	false	key1
false	false	key2
false	false	key3
id1	key1	1key
id2	key2	2key
id3	key3	3key
