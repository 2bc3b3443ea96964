-- lua concat joins strings and numbers
print(table.concat({}), table.concat { "a" }, table.concat { "a", 1, "b", 2 }, table.concat({ 1, 2, 3 }, ", "), table.concat({ 1, 2, 3 }, ", ", 2), table.concat({ 1, 2, 3 }, ", ", 2, 2), "[" .. table.concat({ 1, 2 }, ",", 3) .. "]")
-- output
	a	a1b2	1, 2, 3	2, 3	2	[]

-- lua concat of what is no text
print(pcall(function() table.concat { 1, {}, 3 } end))
print(pcall(function() table.concat({ 1, 2 }, ",", 1, 3) end))
print(pcall(function() table.concat({ true }) end))
print(pcall(function() table.concat(5) end))
print(pcall(function() table.concat({}, {}) end))
-- output
false	test:1: invalid value (table) at index 2 in table for 'concat'
false	test:2: invalid value (nil) at index 3 in table for 'concat'
false	test:3: invalid value (boolean) at index 1 in table for 'concat'
false	test:4: bad argument #1 to 'concat' (table expected, got number)
false	test:5: bad argument #2 to 'concat' (string expected, got table)

-- lua concat up to the last integer
local t = { [math.maxinteger] = "x", [math.maxinteger - 1] = "y" }
print(table.concat(t, "-", math.maxinteger - 1, math.maxinteger), table.concat({ [math.mininteger] = "m" }, "", math.mininteger, math.mininteger))
-- output
y-x	m

-- lua insert at the end and in between
local t = {}
table.insert(t, "a") table.insert(t, "c") table.insert(t, 2, "b") table.insert(t, 1, "0") table.insert(t, 5, "z")
print(table.concat(t, " "), #t)
-- output
0 a b c z	5

-- lua insert outside the bounds
print(pcall(function() table.insert({ 1, 2 }, 4, "x") end))
print(pcall(function() table.insert({ 1, 2 }, 0, "x") end))
print(pcall(function() table.insert({ 1, 2 }, -1, "x") end))
print(pcall(function() table.insert({}, 1) table.insert({}, 1, 2, 3) end))
print(pcall(function() table.insert({}) end))
print(pcall(function() table.insert({}, "x", 1) end))
-- output
false	test:1: bad argument #2 to 'insert' (position out of bounds)
false	test:2: bad argument #2 to 'insert' (position out of bounds)
false	test:3: bad argument #2 to 'insert' (position out of bounds)
false	test:4: wrong number of arguments to 'insert'
false	test:5: wrong number of arguments to 'insert'
false	test:6: bad argument #2 to 'insert' (number expected, got string)

-- lua insert of nil at the end changes nothing
local t = { 1, 2 }
table.insert(t, nil)
print(#t) table.insert(t, 3, nil) print(#t)
-- output
2
2

-- lua remove from the end and in between
local t = { "a", "b", "c", "d" }
print(table.remove(t), table.remove(t, 1), table.concat(t, " "), table.remove(t, 2), table.remove(t, #t + 1), #t)
-- output
d	a	b c	c	nil	1

-- lua remove from an empty table
local t = {}
print(table.remove(t), table.remove(t, 0), table.remove(t, 1), #t)
t = { [0] = "zero" } print(table.remove(t, 0), t[0])
-- output
nil	nil	nil	0
zero	nil

-- lua remove outside the bounds (kernel)
print(pcall(function() table.remove({ 1, 2, 3 }, 5) end))
print(pcall(function() table.remove({ 1, 2, 3 }, -1) end))
print(pcall(function() table.remove({ 1 }, "x") end))
print(select("#", table.remove({})))
-- output
false	test:1: bad argument #2 to 'remove' (position out of bounds)
false	test:2: bad argument #2 to 'remove' (position out of bounds)
false	test:3: bad argument #2 to 'remove' (number expected, got string)
1

-- lua move within one table
local function show(t) print(table.concat(t, " ")) end
show(table.move({ 1, 2, 3, 4, 5 }, 1, 3, 2)) show(table.move({ 1, 2, 3, 4, 5 }, 2, 4, 1)) show(table.move({ 1, 2, 3 }, 1, 3, 3)) show(table.move({ 1, 2, 3 }, 1, 0, 5)) show(table.move({ 1, 2, 3 }, 2, 3, 2))
-- output
1 1 2 3 5
2 3 4 4 5
1 2 1 2 3
1 2 3
1 2 3

-- lua move to another table
local t = table.move({ 1, 2, 3 }, 1, 3, 3, { "a", "b", "c", "d" })
print(table.concat(t, " "), #t, table.move({ 1 }, 1, 1, 1, t) == t)
-- output
a b 1 2 3	5	true

-- lua move over the extremes
print(pcall(function() table.move({}, math.mininteger, math.maxinteger, 1) end))
print(pcall(function() table.move({}, 1, math.maxinteger, 2) end))
print(pcall(function() table.move({}, 0, math.maxinteger, 1) end))
local t = table.move({ [math.maxinteger] = "x" }, math.maxinteger, math.maxinteger, 1) print(t[1])
t = table.move({ "y" }, 1, 1, math.mininteger) print(t[math.mininteger])
-- output
false	test:1: bad argument #3 to 'move' (too many elements to move)
false	test:2: bad argument #4 to 'move' (destination wrap around)
false	test:3: bad argument #3 to 'move' (too many elements to move)
x
y

-- lua move through metamethods
local log = {}
local source = setmetatable({}, { __index = function(_, k) log[#log + 1] = "get" .. k return k * 10 end })
local target = setmetatable({}, { __newindex = function(t, k, v) log[#log + 1] = "set" .. k rawset(t, k, v) end })
table.move(source, 1, 3, 1, target)
print(table.concat(log, " "), target[1], target[3])
-- output
get1 set1 get2 set2 get3 set3	10	30

-- lua move of what is no table
print(pcall(function() table.move(1, 1, 2, 3) end))
print(pcall(function() table.move({}, 1, 2, 3, 4) end))
print(pcall(function() table.move({}, "x", 2, 3) end))
-- output
false	test:1: bad argument #1 to 'move' (table expected, got number)
false	test:2: bad argument #5 to 'move' (table expected, got number)
false	test:3: bad argument #2 to 'move' (number expected, got string)

-- lua pack counts nils
local t = table.pack(1, nil, 3, nil)
print(t.n, t[1], t[2], t[3], t[4], table.pack().n, #table.pack())
-- output
4	1	nil	3	nil	0	0

-- lua unpack of ranges
local t = { 1, 2, 3 }
print(table.unpack(t)) print(table.unpack(t, 2)) print(table.unpack(t, 2, 3)) print(table.unpack(t, -1, 1)) print(table.unpack(t, 3, 5)) print(select("#", table.unpack(t, 4))) print(select("#", table.unpack({}, 1, 3)))
-- output
1	2	3
2	3
2	3
nil	nil	1
3	nil	nil
0
3

-- lua unpack at the extremes
print(table.unpack({ [math.maxinteger] = "x" }, math.maxinteger, math.maxinteger), table.unpack({ [math.mininteger] = "y" }, math.mininteger, math.mininteger))
print(select("#", table.unpack({}, math.maxinteger, math.mininteger)))
print(pcall(function() table.unpack({}, 1, math.maxinteger) end))
print(pcall(function() table.unpack({}, math.mininteger, math.maxinteger) end))
print(pcall(function() table.unpack({}, 1, 1 << 30) end))
-- output
x	y
0
false	test:3: too many results to unpack
false	test:4: too many results to unpack
false	test:5: too many results to unpack

-- lua unpack takes strings and their metatables
print(table.unpack({ 1, 2 }, "1", "2"), pcall(function() return table.unpack("abc", 1, 2) end))
-- output
1	true	nil	nil

-- lua no more than 200 results (kernel)
print(select("#", table.unpack({}, 1, 199)))
print(pcall(function() table.unpack({}, 1, 250) end))
print(pcall(function() return ("x"):rep(300):byte(1, 300) end))
-- output
199
false	test:2: too many results to unpack
false	test:3: stack overflow (string slice too long)

-- lua sort puts in order
local t = { 5, 2, 8, 1, 9, 3 }
table.sort(t) print(table.concat(t, " "))
table.sort(t, function(a, b) return a > b end) print(table.concat(t, " "))
t = { "banana", "apple", "Cherry", "apple2", "" } table.sort(t) print(table.concat(t, ","))
-- output
1 2 3 5 8 9
9 8 5 3 2 1
,Cherry,apple,apple2,banana

-- lua sort of few
for n = 0, 6 do local t = {} for i = 1, n do t[i] = (i * 7) % 5 end table.sort(t) io.write("[", table.concat(t, " "), "] ") end
print()
-- output
[] [2] [2 4] [1 2 4] [1 2 3 4] [0 1 2 3 4] [0 1 2 2 3 4] 

-- lua sort of many
local t, x = {}, 42
for i = 1, 1000 do x = (x * 1103515245 + 12345) % 2147483648 t[i] = x % 100 end
table.sort(t)
local ok = true
for i = 2, #t do ok = ok and t[i - 1] <= t[i] end
print(ok, #t)
-- output
true	1000

-- lua sort of equal and of sorted elements
local t = {} for i = 1, 100 do t[i] = 7 end table.sort(t) print(t[1], t[100], #t)
for i = 1, 100 do t[i] = i end table.sort(t) print(t[1], t[50], t[100])
for i = 1, 100 do t[i] = 101 - i end table.sort(t) print(t[1], t[50], t[100])
-- output
7	7	100
1	50	100
1	50	100

-- lua sort by a field and by the metamethod
local t = { { n = 3 }, { n = 1 }, { n = 2 } }
table.sort(t, function(a, b) return a.n < b.n end)
print(t[1].n, t[2].n, t[3].n)
local mt = { __lt = function(a, b) return a.n > b.n end }
for _, e in ipairs(t) do setmetatable(e, mt) end
table.sort(t) print(t[1].n, t[2].n, t[3].n)
-- output
1	2	3
3	2	1

-- lua sort with an order that contradicts itself
print(pcall(function() local t = {} for i = 1, 50 do t[i] = i end table.sort(t, function() return true end) end))
-- output
false	test:1: invalid order function for sorting

-- lua sort with an order that fails
print(pcall(function() table.sort({ 3, 2, 1 }, function() error("no order", 0) end) end))
print(pcall(function() table.sort({ 1, 2 }, 5) end))
-- output
false	no order
false	test:2: bad argument #2 to 'sort' (function expected, got number)

-- lua sort of integers beyond 2^53
local t = { math.maxinteger, 0, math.mininteger, 9007199254740993, 9007199254740992, -1 }
table.sort(t) print(table.concat(t, " "))
-- output
-9223372036854775808 -1 0 9007199254740992 9007199254740993 9223372036854775807

-- lua create makes an empty table (kernel)
print(#table.create(100), next(table.create(10, 10)), type(table.create(0)))
print(pcall(function() table.create(-1) end))
print(pcall(function() table.create(1, -1) end))
print(pcall(function() table.create(1 << 40) end))
print(pcall(function() table.create() end))
-- output
0	nil	table
false	test:2: bad argument #1 to 'create' (out of range)
false	test:3: bad argument #2 to 'create' (out of range)
false	test:4: bad argument #1 to 'create' (out of range)
false	test:5: bad argument #1 to 'create' (number expected, got no value)

-- lua functions of the library use __len and __index
local t = setmetatable({}, { __len = function() return 3 end, __index = function(_, k) return k * k end })
print(table.concat(t, ","), table.unpack(t))
t = setmetatable({}, { __len = function() return "x" end })
print(pcall(function() table.insert(t, 1) end))
-- output
1,4,9	1	4	9
false	test:4: object length is not an integer

-- lua what the library holds (kernel)
local names = {}
for k in pairs(table) do names[#names + 1] = k end
table.sort(names)
print(table.concat(names, " "))
-- output
concat create insert move pack remove sort unpack
