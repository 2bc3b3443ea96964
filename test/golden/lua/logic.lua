-- lua only nil and false are false
for _, v in ipairs { 0, "", {}, print, true, -1, "false" } do io.write(v and "t" or "f") end
print(nil and 1 or 2, false and 1 or 2)
-- output
ttttttt2	2

-- lua and and or give operands
print(1 and 2, nil and 2, false and 2, 1 or 2, nil or 2, false or nil, nil or false, nil and nil, false and nil)
-- output
2	nil	false	1	2	nil	false	nil	false

-- lua operands that are not needed are not evaluated
local log = {}
local function v(x) log[#log + 1] = tostring(x) return x end
local _ = v(nil) and v(1) _ = v(1) or v(2) _ = v(false) or v(3) _ = v(4) and v(5) and v(nil) and v(6)
print(table.concat(log, " "))
-- output
nil 1 false 3 4 5 nil

-- lua and binds tighter than or
print(1 or nil and nil, nil and nil or 1, false or 1 and 2, 1 and 2 or 3 and 4, not nil and 1)
-- output
1	1	2	2	1

-- lua not gives booleans
print(not nil, not false, not 0, not "", not {}, not not nil, not not 1)
-- output
true	true	false	false	false	false	true

-- lua comparison binds tighter than and
print(1 < 2 and 2 < 3, 1 == 1 and "x", not (1 == 2), not 1 == 2, 1 > 2 or "y")
-- output
true	x	true	false	y

-- lua conditions of several values use the first
local function f(...) return ... end
print((f(nil, 1) or "none"), f(false, 1) and 1 or 2, f() or "empty")
-- output
none	2	empty

-- lua results in conditions of statements
local function t(x) if x and x.y and x.y.z then return "deep" elseif x and not x.y then return "no y" else return "other" end end
print(t(nil), t {}, t { y = {} }, t { y = { z = 1 } })
-- output
other	no y	other	deep

-- lua the common idiom for a default
local function f(x) x = x == nil and "default" or x return x end
print(f(), f(false), f(1))
-- output
default	false	1

-- lua long chains
local a, b, c, d = nil, false, 0, ""
print(a or b or c or d, a and b and c and d, (a or c) and (b or d), not (a and b) and not (c and nil), a == b or b == c or c == 0)
-- output
0	nil		true	true

-- lua logic on results of metamethods is boolean
local mt = { __eq = function() return 1 end, __lt = function() return nil end, __le = function() return "x" end }
local x, y = setmetatable({}, mt), setmetatable({}, mt)
print(x == y, x ~= y, x < y, x <= y, not (x == y), x > y, x >= y)
-- output
true	false	false	true	false	false	true

-- lua values kept through a chain with assignments
local n = 0
local function inc() n = n + 1 return n end
local r = inc() > 5 and inc() or inc() < 5 and inc()
print(r, n)
-- output
3	3
