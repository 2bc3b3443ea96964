-- lua concatenation groups to the right
local log = {}
local mt = { __concat = function(a, b) log[#log + 1] = (type(a) == "table" and a.n or a) .. "+" .. (type(b) == "table" and b.n or b) return type(a) == "table" and a or b end }
local x = setmetatable({ n = "x" }, mt)
local _ = "a" .. x .. "b"
_ = x .. "a" .. "b"
_ = "a" .. "b" .. x
print(table.concat(log, " "))
-- output
x+b a+x x+ab b+x a+x

-- lua concatenation of strings and numbers
print("a" .. "b" .. "c", 1 .. 2 .. 3, "x" .. -1, "" .. 0, math.maxinteger .. "!", ("a"):rep(3) .. 5)
-- output
abc	123	x-1	0	9223372036854775807!	aaa5

-- lua concatenation binds weaker than arithmetic and tighter than comparison
print(1 + 2 .. 3 + 4, "a" .. "b" == "ab", 2 * 3 .. "", "x" .. 1 < "x" .. 2, (1 << 2) .. "")
-- output
37	true	6	true	4

-- lua concatenation of what is no text
print(pcall(function() return "x" .. nil end))
print(pcall(function() return "x" .. {} end))
print(pcall(function() return true .. "x" end))
print(pcall(function() local a, b = "x", print return a .. b end))
print(pcall(function() local t = {} return "a" .. t.name .. "b" end))
print(pcall(function() return "a" .. ("b" .. nil) end))
-- output
false	test:1: attempt to concatenate a nil value
false	test:2: attempt to concatenate a table value
false	test:3: attempt to concatenate a boolean value
false	test:4: attempt to concatenate a function value (local 'b')
false	test:5: attempt to concatenate a nil value (field 'name')
false	test:6: attempt to concatenate a nil value

-- lua __concat of either side
local mt = { __concat = function(a, b) return type(a) .. type(b) end }
local t = setmetatable({}, mt)
print(t .. 1, 1 .. t, t .. "x", "x" .. t, t .. t, t .. nil, nil .. t, true .. t)
-- output
tablenumber	numbertable	tablestring	stringtable	tabletable	tablenil	niltable	booleantable

-- lua concatenation makes new strings
local a = "abc"
local b = a .. ""
print(a == b, #(a .. b), a .. b)
-- output
true	6	abcabc

-- lua a long chain in a loop
local s = ""
for i = 1, 100 do s = s .. i end
print(#s, s:sub(-6))
local u = "" for i = 1, 5 do u = i .. u .. i end print(u)
-- output
192	899100
5432112345

-- lua operands of a concatenation are evaluated in order
local n = 0
local function f() n = n + 1 return n end
print(f() .. f() .. f() .. f())
local a = 1
print(a .. (function() a = 2 return "x" end)() .. a)
-- output
1234
1x2
