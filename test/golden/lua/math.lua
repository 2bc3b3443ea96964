-- lua the extremes
print(math.maxinteger, math.mininteger, math.maxinteger + 1 == math.mininteger, -math.mininteger == math.mininteger)
-- output
9223372036854775807	-9223372036854775808	true	true

-- lua abs
print(math.abs(5), math.abs(-5), math.abs(0), math.abs(math.mininteger))
-- output
5	5	0	-9223372036854775808

-- lua max and min
print(math.max(1, 3, 2), math.min(3, 1, 2), math.max(5), math.min(-1, math.mininteger), math.max(math.maxinteger, 1), math.max(9007199254740992, 9007199254740993))
-- output
3	1	5	-9223372036854775808	9223372036854775807	9007199254740993

-- lua max and min of nothing and of what is no number
print(pcall(function() math.max() end))
print(pcall(function() math.min() end))
print(pcall(function() math.abs("x") end))
print(pcall(function() math.abs() end))
-- output
false	test:1: bad argument #1 to 'max' (value expected)
false	test:2: bad argument #1 to 'min' (value expected)
false	test:3: bad argument #1 to 'abs' (number expected, got string)
false	test:4: bad argument #1 to 'abs' (number expected, got no value)

-- lua ult compares without sign
print(math.ult(1, 2), math.ult(-1, 1), math.ult(1, -1), math.ult(-2, -1), math.ult(math.mininteger, math.maxinteger), math.ult(0, 0))
-- output
true	false	true	true	false	false

-- lua tointeger
print(math.tointeger(5), math.tointeger({}), math.tointeger("x"), math.tointeger(math.mininteger), math.tointeger(nil))
print(pcall(function() math.tointeger() end))
-- output
5	nil	nil	-9223372036854775808	nil
false	test:2: bad argument #1 to 'tointeger' (value expected)

-- lua strings and other values (kernel)
print(math.abs("-7"))
print(pcall(function() math.max(1, "x") end))
print(pcall(function() math.max({}) end))
-- output
7
false	test:2: bad argument #2 to 'max' (number expected, got string)
false	test:3: bad argument #1 to 'max' (number expected, got table)

-- lua tointeger of a string (kernel)
print(math.tointeger("5"), math.tointeger("0x10"), math.tointeger("5.0"), math.tointeger(" 7 "))
-- output
5	16	nil	7

-- lua what the library holds (kernel)
local names = {}
for k in pairs(math) do names[#names + 1] = k end
table.sort(names)
print(table.concat(names, " "))
print(math.floor, math.pi, math.huge, math.random, math.type, math.sqrt)
-- output
abs max maxinteger min mininteger tointeger ult
nil	nil	nil	nil	nil	nil
