-- lua locals shadow
local x = 1
do local x = x + 1 print(x) do local x = x + 1 print(x) end print(x) end
print(x)
local x, x = 1, 2
print(x)
local function x() return "f" end
print(x())
-- output
2
3
2
1
2
f

-- lua multiple assignment
local a, b, c = 1, 2
print(a, b, c)
a, b = b, a
print(a, b)
local i, t = 1, {}
i, t[i] = i + 1, 20
print(i, t[1], t[2])
local function two() return 8, 9 end
a, b, c = two()
print(a, b, c)
a, b, c = 0, two()
print(a, b, c)
a, b, c = two(), 5
print(a, b, c)
a, b = (two())
print(a, b)
a, b = 1, 2, print("extra value is evaluated")
print(a, b)
-- output
1	2	nil
2	1
2	20	nil
8	9	nil
0	8	9
8	5	nil
8	nil
extra value is evaluated
1	2

-- lua assignment evaluates everything before it assigns
local t = { 1, 2 }
local i = 1
i, t[i], t[2] = 2, "first", i
print(i, t[1], t[2])
local a = { x = 1 }
local old = a
a, a.x = nil, 5
print(a, old.x)
-- output
2	first	1
nil	5

-- lua closures share variables
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
local inc, get = counter()
inc() inc()
print(get(), counter()())
local other = counter()
print(other(), get())
-- output
2	1
1	2

-- lua each round of a loop has its own variable
local fs = {}
for i = 1, 3 do fs[i] = function() return i end end
print(fs[1](), fs[2](), fs[3]())
for i, v in ipairs { "a", "b" } do fs[i] = function() v = v .. i return v end end
print(fs[1](), fs[1](), fs[2]())
local k = 0
while k < 3 do k = k + 1 local j = k fs[k] = function() j = j + 10 return j end end
print(fs[1](), fs[1](), fs[2](), fs[3]())
k = 0
repeat local j = k fs[k + 1] = function() j = j + 1 return j end k = k + 1 until j >= 2
print(fs[1](), fs[2](), fs[3](), fs[3]())
-- output
1	2	3
a1	a11	b2
11	21	12	13
1	2	3	4

-- lua parameters may be captured and assigned
local function f(a, b) local g = function() a = a + 1 return a, b end b = b * 2 return g end
local g = f(1, 2)
print(g()) print(g()) print(f(5, 5)())
-- output
2	4
3	4
6	10

-- lua recursion through a local and through an upvalue
local function fact(n) return n <= 1 and 1 or n * fact(n - 1) end
print(fact(20), fact(21))
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(10), odd(7), even(7))
local function g() return g end
print(g() == g)
local f = function() return f end
print(f())
-- output
2432902008176640000	-4249290049419214848
true	true	false
true
nil

-- lua constants of one name
local x <const>, y = 5, 6
y = y + x
print(x, y)
print(load("local x <const> = 1; x = 2"))
print(load("local x <const> = 1; local function f() x = 2 end"))
print(load("local x <foo> = 1"))
print(load("local function f() end local a <const> = f; function a() end"))
-- output
5	11
nil	[string "local x <const> = 1; x = 2"]:1: attempt to assign to const variable 'x'
nil	[string "local x <const> = 1; local function f() x = 2..."]:1: attempt to assign to const variable 'x'
nil	[string "local x <foo> = 1"]:1: unknown attribute 'foo'
nil	[string "local function f() end local a <const> = f; f..."]:1: attempt to assign to const variable 'a'

-- lua attribute before the list (kernel)
local <const> a, b <const>, c = 1, 2, 3
print(a, b, c)
print(load("local <const> a, b = 1, 2; b = 3"))
print(load("local <close> a, b = nil, nil"))
print(load("local <wrong> a = 1"))
-- output
1	2	3
nil	[string "local <const> a, b = 1, 2; b = 3"]:1: attempt to assign to const variable 'b'
nil	[string "local <close> a, b = nil, nil"]:1: multiple to-be-closed variables in local list
nil	[string "local <wrong> a = 1"]:1: unknown attribute 'wrong'

-- lua the environment is a variable
local print = print
local function f() local _ENV = { x = 5 } return x, y end
print(f())
x = "global"
print(x, _ENV.x, _G.x, _ENV == _G)
do local _ENV = setmetatable({}, { __index = _G }) x = 1 print(x, _G.x) end
local function g(_ENV) return a end
print(g { a = "parameter" })
_ENV = { print = print, x = "new" }
print(x, y)
-- output
5	nil
global	global	global	true
1	global
parameter
new	nil

-- lua many locals and captured temporaries
local a, b, c, d = 1, 2, 3, 4
local function f() a, b, c, d = d, c, b, a return a .. b .. c .. d end
print(f(), f(), a + b * c - d)
-- output
4321	1234	3
