-- lua length of strings and tables
print(#"", #"abc", #"a\0b", #{}, #{ 1 }, #{ 1, 2, 3 }, #{ x = 1 }, #{ nil }, #{ [1] = 1, [2] = 2 })
-- output
0	3	3	0	1	3	0	0	2

-- lua length after assignments in any order
local t = {}
t[3] = 3 t[2] = 2 t[1] = 1
print(#t) t[4] = 4 print(#t) t[4] = nil print(#t) t[3] = nil t[2] = nil print(#t) t[1] = nil print(#t)
-- output
3
4
3
1
0

-- lua length ignores keys that are no positive integers
local t = { 1, 2 }
t[0] = 0 t[-1] = -1 t["3"] = 3 t.x = 1 t[true] = 1
print(#t)
-- output
2

-- lua any border is a length
local t = { 1, nil, 3 }
local n = #t
print(n == 3 or n == 1)
t = { nil, nil, 3 } n = #t print(n == 3 or n == 0)
t = {} t[1] = 1 t[2] = 2 t[4] = 4 n = #t print(n == 2 or n == 4)
-- output
true
true
true

-- lua length binds tighter than arithmetic
print(#"abc" + 1, -#"abc", #"abc" .. "d", #{ 1, 2 } * 2, not #"", #"ab" == 2)
-- output
4	-3	3d	4	false	true

-- lua __len gives any value
print(#setmetatable({}, { __len = function() return "long" end }), #setmetatable({ 1, 2 }, { __len = function(t) return rawlen(t) * 10 end }), #setmetatable({}, { __len = function() return nil end }))
-- output
long	20	nil

-- lua rawlen looks past __len
print(rawlen(setmetatable({ 1, 2 }, { __len = function() return 9 end })), rawlen("abc"), pcall(rawlen, 5))
-- output
2	3	false	bad argument #1 to 'rawlen' (table or string expected, got number)

-- lua length of what has none
print(pcall(function() return #5 end))
print(pcall(function() return #nil end))
print(pcall(function() local t = {} return #t.x end))
print(pcall(function() return #print end))
print(pcall(function() return #true end))
-- output
false	test:1: attempt to get length of a number value
false	test:2: attempt to get length of a nil value
false	test:3: attempt to get length of a nil value (field 'x')
false	test:4: attempt to get length of a function value (global 'print')
false	test:5: attempt to get length of a boolean value

-- lua appending by length
local t = {}
for i = 1, 100 do t[#t + 1] = i end
print(#t, t[1], t[100])
while #t > 50 do t[#t] = nil end
print(#t)
-- output
100	1	100
50

-- lua length of a table filled from the top
local t = {}
for i = 64, 1, -1 do t[i] = i end
print(#t)
-- output
64

-- lua length after removing from the front moves nothing
local t = { 1, 2, 3 }
t[1] = nil
local n = #t
print(n == 3 or n == 0, t[1], t[2], t[3])
-- output
true	nil	2	3
