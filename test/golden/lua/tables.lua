-- lua constructors
local t = { 1, 2, x = "a", [10] = "ten", ["y z"] = true; 3, }
print(#t, t[3], t.x, t[10], t["y z"])
print(#{}, #{ nil }, #{ 1, nil }, #{ n = 1 }, ({ { 5 } })[1][1])
local function f() return 1, 2 end
print(#{ f() }, #{ f(), f() }, #{ f(), nil }, #{ (f()) }, #{ x = f() })
print(({ [1] = "keyed", "positional" })[1])
-- output
3	3	a	ten	true
0	0	1	0	5
2	3	1	1	0
positional

-- lua keys
local t = {}
t[1] = "integer" t["1"] = "string" t[true] = "boolean" t[print] = "function" t[t] = "table"
print(t[1], t["1"], t[true], t[print], t[t], t[2], t[false])
t[math.maxinteger] = "max" t[math.mininteger] = "min"
print(t[math.maxinteger], t[0x7fffffffffffffff], t[math.mininteger], t[1 << 63], t[math.maxinteger - 1])
t[9007199254740993] = "odd" t[9007199254740992] = "even"
print(t[9007199254740993], t[9007199254740992], t[9007199254740991 + 2])
print(pcall(function() t[nil] = 1 end))
print(t[nil], rawget(t, nil))
print(pcall(rawset, t, nil, 1))
print(pcall(function() return { [nil] = 1 } end))
-- output
integer	string	boolean	function	table	nil	nil
max	max	min	min	nil
odd	even	odd
false	test:8: table index is nil
nil	nil
false	table index is nil
false	test:11: table index is nil

-- lua strings as keys
local t = {}
for _, k in ipairs { "length", "0", "-1", "1.5", "constructor", "__proto__", "hasOwnProperty", "", "\0", "toString" } do t[k] = k end
print(t.length, t["0"], t["-1"], t["1.5"], t.constructor, t.__proto__, t.hasOwnProperty, t[""], t["\0"], t.toString)
print(t[0], t[-1], t.valueOf, t.array, t.metatable)
t.a = 1 t["a"] = 2 local k = "a" t[k] = 3
print(t.a)
t["b"] = 1 k = "b" t[k] = nil
print(t.b)
-- output
length	0	-1	1.5	constructor	__proto__	hasOwnProperty		\x00	toString
nil	nil	nil	nil	nil
3
nil

-- lua length is a border
local t = {}
for i = 1, 10 do t[i] = i end
print(#t)
t[#t] = nil print(#t)
t[#t + 1] = "x" print(#t, t[10])
for i = 10, 1, -1 do t[i] = nil end
print(#t, next(t))
t[2] = 2 t[1] = 1 print(#t)
t[4] = 4 t[3] = 3 print(#t)
local r = {} for i = 20, 1, -1 do r[i] = i end print(#r)
-- output
10
9
10	x
0	nil
2
4
20

-- lua negative and zero indices, sparse arrays
local t = { [0] = "zero", [-1] = "minus", [1000000] = "far" }
print(t[0], t[-1], t[1000000], #t)
t[-1] = nil print(t[-1])
t[2] = "two" print(#t, t[2]) t[1] = "one" print(#t)
-- output
zero	minus	far	0
nil
0	two
2

-- lua next
local t = { 10, 20, a = 1 }
print(next({}), next(t))
local k, n = nil, 0
repeat k = next(t, k) if k ~= nil then n = n + 1 end until k == nil
print(n)
print(pcall(next, t, "missing"))
print(pcall(next))
print(next(t, "a"))
print(rawequal(next, next), type(next))
-- output
nil	1	10
3
false	invalid key to 'next'
false	bad argument #1 to 'next' (table expected, got no value)
nil
true	function

-- lua next goes on after removals
local t = {}
for i = 1, 50 do t[i] = i t["s" .. i] = i end
local seen = 0
local k, v = next(t)
while k do seen = seen + 1 t[k] = nil k, v = next(t, k) end
print(seen, next(t))
-- output
100	nil

-- lua entries that come back keep being found
local t = { a = 1, b = 2, c = 3 }
t.a = nil t.b = nil t.a = 10
local n = 0 for k, v in pairs(t) do n = n + v end
print(n, t.a, t.b, t.c)
for i = 1, 1000 do t["k" .. i] = i t["k" .. i] = nil end
local n = 0 for k, v in pairs(t) do n = n + 1 end
print(n)
-- output
13	10	nil	3
2

-- lua boxed integers as keys keep their value
local t = {}
for i = 0, 9 do t[math.maxinteger - i] = i end
local sum = 0
for k, v in pairs(t) do sum = sum + v if math.maxinteger - k ~= v then print("wrong") end end
print(sum, t[math.maxinteger - 9], t[math.maxinteger - 10])
t[math.maxinteger] = nil print(t[math.maxinteger])
-- output
45	9	nil
nil

-- lua indexing what is no table
print(pcall(function() local x; return x.y end))
print(pcall(function() local x = 5; return x.y end))
print(pcall(function() local x; x.y = 1 end))
print(pcall(function() return undefinedname.y end))
print(pcall(function() undefinedname.y = 1 end))
print(pcall(function() local t = {}; return t.a.b end))
print(pcall(function() local t = {}; t.a.b = 1 end))
print(pcall(function() local t = {}; return t.x.y.z end))
print(pcall(function() return ("x").y.z end))
-- output
false	test:1: attempt to index a nil value (local 'x')
false	test:2: attempt to index a number value (local 'x')
false	test:3: attempt to index a nil value (local 'x')
false	test:4: attempt to index a nil value (global 'undefinedname')
false	test:5: attempt to index a nil value (global 'undefinedname')
false	test:6: attempt to index a nil value (field 'a')
false	test:7: attempt to index a nil value (field 'a')
false	test:8: attempt to index a nil value (field 'x')
false	test:9: attempt to index a nil value (field 'y')

-- lua constructors evaluate in order
local log = {}
local function v(x) log[#log + 1] = x return x end
local t = { v(1), [v("k")] = v(2), n = v(3), v(4) }
print(table.concat(log, " "), #t)
-- output
1 k 2 3 4	2

-- lua large constructors
local parts = {}
for i = 1, 1000 do parts[i] = i .. "," end
local t = load("return {" .. table.concat(parts) .. "}")()
print(#t, t[1000])
for i = 1, 300 do parts[i] = "k" .. i .. "=" .. i .. "," end
t = load("return {" .. table.concat(parts, "", 1, 300) .. "}")()
print(t.k1, t.k300)
-- output
1000	1000
1	300

-- lua many string fields
local t = {}
for i = 1, 2000 do t["f" .. i] = i end
local n = 0 for k, v in pairs(t) do n = n + v end
print(n, t.f1, t.f2000)
for i = 1, 2000, 2 do t["f" .. i] = nil end
n = 0 for k, v in pairs(t) do n = n + 1 end
print(n)
-- output
2001000	1	2000
1000

-- lua computed names that are read, written, removed and written again
local t = {}
local function key(i) return "k" .. i * 31 % 97 end
for i = 1, 400 do
  local k = key(i)
  t[k] = (t[k] or 0) + i
  if i % 3 == 0 then t[k] = nil t[k] = t[k] end
  if i % 7 == 0 then local v = t[k] t[k] = nil t["n" .. i] = v t[k] = v end
  if i % 50 == 0 then for j = 1, 97 do if j % 4 ~= 0 then t["k" .. j] = nil end end end
end
local count, sum = 0, 0
for _, v in pairs(t) do count = count + 1 sum = sum + v end
print(count, sum)
local u = setmetatable({}, { __newindex = function(_, k) print("new", k) end })
rawset(u, "a-b", 1)
local k = "a-" .. "b"
print(u[k]) u[k] = nil u[k] = 5 print(u[k]) rawset(u, k, 2) print(u[k]) u[k] = u[k] + 1 print(u[k])
-- output
63	16573
1
new	a-b
nil
2
3
