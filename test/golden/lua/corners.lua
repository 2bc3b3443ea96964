-- lua bitwise operators take no strings
print(pcall(function() return "7" & 3 end))
print(pcall(function() local s = "0x10" return s | 1 end))
print(pcall(function() return ~"0" end))
print(pcall(function() return 1 << "4" end))
-- output
false	test:1: attempt to perform bitwise operation on a string value (constant '7')
false	test:2: attempt to perform bitwise operation on a string value (local 's')
false	test:3: attempt to perform bitwise operation on a string value (constant '0')
false	test:4: attempt to perform bitwise operation on a string value (constant '4')

-- lua an operand that is a local is read when the operator works
local a = 1
local function f() a = 10 return 100 end
print(a + f(), a)
a = 1
print(a < f(), a)
a = 1
print(a .. f(), a)
a = 1
print(a == f(), a * 2 + f())
local function g(x) return x + (function() x = x + 1 return x end)() end
print(g(5))
-- output
110	10
true	10
1100	10
false	120
12

-- lua a closing method may yield
local co = coroutine.wrap(function()
  local r
  do local a <close> = setmetatable({}, { __close = function() r = coroutine.yield("closing") end }) end
  return r
end)
print(co()) print(co("resumed"))
-- output
closing
resumed

-- lua numeric for with wrong bounds
print(pcall(function() for i = nil, 1 do end end))
print(pcall(function() for i = 1, {} do end end))
print(pcall(function() for i = 1, 2, print do end end))
print(pcall(function() for i = 1, 2, 0 do end end))
print(pcall(function() for i = 2, 1, 0 do end end))
-- output
false	test:1: bad 'for' initial value (number expected, got nil)
false	test:2: bad 'for' limit (number expected, got table)
false	test:3: bad 'for' step (number expected, got function)
false	test:4: 'for' step is zero
false	test:5: 'for' step is zero

-- lua yield across metamethods
local mt = {}
for _, e in ipairs { "add", "concat", "eq", "lt", "le", "index", "call", "len", "unm", "newindex" } do mt["__" .. e] = function(a, b) return coroutine.yield(e) end end
local t, u = setmetatable({}, mt), setmetatable({}, mt)
local co = coroutine.wrap(function()
  local sum = t + 1
  local cat = t .. "x"
  local eq, ne, lt, le, gt = t == u, t ~= u, t < u, t <= u, t > u
  t.new = 1
  return sum, cat, eq, ne, lt, le, gt, t.field, t(1), #t, -t
end)
local v, n = co(), 0
while n < 11 do n = n + 1 io.write(tostring(v), " ") r = { co(n) } v = r[1] if r[2] then break end end
print() print(table.unpack(r))
-- output
add concat eq eq lt le lt newindex index call len 
unm

-- lua yield across metamethods that are functions
local mt = { __add = function(a, b) return coroutine.yield("add") end, __index = function(t, k) return coroutine.yield(k) end, __call = function(self, x) return coroutine.yield(x) end, __lt = function() return coroutine.yield("lt") end, __eq = function() return coroutine.yield("eq") end, __concat = function() return coroutine.yield("concat") end, __len = function() return coroutine.yield("len") end, __newindex = function(t, k, v) coroutine.yield(k) rawset(t, k, v) end, __unm = function() return coroutine.yield("unm") end }
local function co(f) local c = coroutine.wrap(f) return c(setmetatable({}, mt), setmetatable({}, mt)), c("result") end
print(co(function(a) return a + 1 end)) print(co(function(a) return a.field end)) print(co(function(a) return a("called") end)) print(co(function(a) return a .. "x" end)) print(co(function(a) return #a end)) print(co(function(a) return -a end))
print(co(function(a, b) return a < b end)) print(co(function(a, b) return a == b end)) print(co(function(a) a.set = 5 return a.set end))
-- output
add	result
field	result
called	result
concat	result
len	result
unm	result
lt	true
eq	true
set	5

-- lua unary events get the operand twice
local mt = { __unm = function(a, b) return a == b and "unm" end, __bnot = function(a, b) return a == b and "bnot" end, __len = function(a, b) return a == b and "len" end }
local t = setmetatable({}, mt)
print(-t, ~t, #t, - -5, -(-t == "unm" and 1 or 2))
-- output
unm	bnot	len	5	-1

-- lua events that do not apply to numbers and strings
local mt = getmetatable("")
mt.__add = function() return "no" end
print("1" + 2, 1 + "2")
-- output
no	no

-- lua __index of any value by debug.setmetatable
debug.setmetatable(5, { __index = function(n, k) return n .. "." .. k end, __call = function(n, x) return n + x end, __len = function() return "len" end })
print((5).x, (6)(10), #7) local n = 8 print(n.y, n:len())
-- output
5.x	16	len
-- error
test:2: attempt to call a string value (method 'len')

-- lua __index of nil, booleans and functions
debug.setmetatable(nil, { __index = function(_, k) return "nil." .. k end }) print((nil).x, undefinedvariable.y.z)
debug.setmetatable(true, { __index = { x = "bool" } }) print((true).x, (false).x)
debug.setmetatable(print, { __index = { name = "fn" }, __concat = function(a, b) return "fc" end }) print(print.name, print .. "x", (function() end).name)
-- output
nil.x	nil
bool	bool
fn	fc	fn

-- lua long chains of operators
local parts = {} for i = 1, 1000 do parts[i] = i end
print(load("return " .. table.concat(parts, " + "))())
print(#load("return " .. table.concat(parts, " .. ", 1, 150))())
print(load("return " .. table.concat(parts, " and "))())
print(load("return " .. ("not "):rep(101) .. "nil")())
local src = {} for i = 1, 150 do src[#src + 1] = (i > 1 and "elseif" or "if") .. " x == " .. i .. " then return " .. i * i end
print(load("local x = ... " .. table.concat(src, " ") .. " end")(150))
-- output
500500
342
1000
true
22500

-- lua a local operand is read when the operation is done
local a = 1 local function f() a = 10 return 100 end
print(a + f()) a = 1 print(a * f()) a = 1 print(f() + a) a = 1 print(a < f(), a)
-- output
110
1000
110
true	10

-- lua the value of an index is read with its table then
local t = { "old" } local function f() t = { "new" } return 1 end
print(t[f()]) 
-- output
new

-- lua arithmetic on strings that are no numerals
print(pcall(function() return "abc" + 1 end))
print(pcall(function() local s = "abc" return 1 - s end))
print(pcall(function() local s = "abc" return -s end))
print(pcall(function() return "x" % {} end))
print(pcall(function() return "10" // {} end))
print(pcall(function() return "10" * nil end))
print(pcall(function() local t = {} return t.x + "10" end))
-- output
false	test:1: attempt to add a 'string' with a 'number'
false	test:2: attempt to sub a 'number' with a 'string'
false	test:3: attempt to unm a 'string' with a 'string'
false	test:4: attempt to mod a 'string' with a 'table'
false	test:5: attempt to idiv a 'string' with a 'table'
false	test:6: attempt to mul a 'string' with a 'nil'
false	test:7: attempt to add a 'nil' with a 'string'

-- lua messages about the bounds of a numeric for
print(pcall(function() for i = {}, 2 do end end))
print(pcall(function() for i = 1, nil do end end))
print(pcall(function() for i = 1, 2, print do end end))
print(pcall(function() for i = "a", 2 do end end))
print(pcall(function() local t = {} for i = 1, t.n do end end))
-- output
false	test:1: bad 'for' initial value (number expected, got table)
false	test:2: bad 'for' limit (number expected, got nil)
false	test:3: bad 'for' step (number expected, got function)
false	test:4: bad 'for' initial value (number expected, got string)
false	test:5: bad 'for' limit (number expected, got nil)

-- lua names of elements by integer and by variable
print(pcall(function() local t = {} return t[1] + 1 end))
print(pcall(function() local t = {} t[1]() end))
print(pcall(function() local t = {} t[1][2] = 5 end))
print(pcall(function() local t, k = {}, "z" return t[k] + 1 end))
print(pcall(function() local t, k = {}, "z" return t[k].y end))
print(pcall(function() local t, k = {}, "z" t[k]() end))
print(pcall(function() local t, k = {}, "z" t[k].c = 1 end))
-- output
false	test:1: attempt to perform arithmetic on a nil value (field 'integer index')
false	test:2: attempt to call a nil value (field 'integer index')
false	test:3: attempt to index a nil value (field 'integer index')
false	test:4: attempt to perform arithmetic on a nil value (field '?')
false	test:5: attempt to index a nil value (field '?')
false	test:6: attempt to call a nil value (field '?')
false	test:7: attempt to index a nil value (field '?')

-- lua names of callees in parentheses
print(pcall(function() local t = {} (t.x)() end))
print(pcall(function() (undefinedname)() end))
-- output
false	test:1: attempt to call a nil value (field 'x')
false	test:2: attempt to call a nil value (global 'undefinedname')

-- lua a value without a name is not called after the wanted key
print(pcall(function() return (nil).x end))
print(pcall(function() return (true).x.y end))
print(pcall(function() return (function() end)().x end))
-- output
false	test:1: attempt to index a nil value
false	test:2: attempt to index a boolean value
false	test:3: attempt to index a nil value

-- lua names of constants
print(pcall(function() return ~"a" end))
print(pcall(function() return 1 & "a" end))
print(pcall(function() ("x")() end))
print(pcall(function() ("x").y = 1 end))
-- output
false	test:1: attempt to perform bitwise operation on a string value (constant 'a')
false	test:2: attempt to perform bitwise operation on a string value (constant 'a')
false	test:3: attempt to call a string value (constant 'x')
false	test:4: attempt to index a string value (constant 'x')

-- lua fields of _ENV are globals
print(pcall(function() return _ENV.foo.bar end))
print(pcall(function() _ENV.foo() end))
-- output
false	test:1: attempt to index a nil value (global 'foo')
false	test:2: attempt to call a nil value (global 'foo')

-- lua an environment that is a local is named so
print(pcall(function() local _ENV; return z end))
print(pcall(function() local _ENV = nil; z = 1 end))
-- output
false	test:1: attempt to index a nil value (local '_ENV')
false	test:2: attempt to index a nil value (local '_ENV')

-- lua nil given is not an argument missing
print(pcall(function() string.rep(nil) end))
print(pcall(function() string.rep("x", nil) end))
print(pcall(function() table.insert(nil, 1) end))
print(pcall(function() setmetatable(nil, {}) end))
-- output
false	test:1: bad argument #1 to 'rep' (string expected, got nil)
false	test:2: bad argument #2 to 'rep' (number expected, got nil)
false	test:3: bad argument #1 to 'insert' (table expected, got nil)
false	test:4: bad argument #1 to 'setmetatable' (table expected, got nil)

-- lua a function's own name for what it calls
print(pcall(function() local repeated = string.rep repeated() end))
print(pcall(function() local t = { f = string.rep } t.f() end))
-- output
false	test:1: bad argument #1 to 'repeated' (string expected, got no value)
false	test:2: bad argument #1 to 'f' (string expected, got no value)

-- lua next of a key that was never there
print(pcall(next, {}, 1)) print(pcall(next, { 1, 2 }, 10)) print(pcall(next, {}, "x"))
-- output
false	invalid key to 'next'
false	invalid key to 'next'
false	invalid key to 'next'

-- lua load with nil for an environment
print(pcall(load("return x", "=e", "t", nil)))
-- output
false	e:1: attempt to index a nil value (upvalue '_ENV')

-- lua pcall that calls itself ends
local function f() return pcall(f) end
print((f()))
-- output
true

-- lua all operations on numbers, nil and booleans by debug.setmetatable
debug.setmetatable(nil, { __add = function() return "nil add" end, __concat = function() return "nil concat" end, __call = function() return "nil call" end })
print(nil + 1, nil .. "x", (nil)(), undefinedvariable())
debug.setmetatable(true, { __lt = function() return true end, __len = function() return "bool len" end })
print(true < false, #true)
debug.setmetatable(print, { __index = { x = "function field" } }) print(print.x)
debug.setmetatable(coroutine.create(print), { __index = coroutine }) print(coroutine.create(print):status())
-- output
nil add	nil concat	nil call	nil call
true	bool len
function field
suspended

-- lua globals with values are checked and set from the last (kernel)
two = 2
print(pcall(load("global one, two = 1, 2"))) print(one)
print(pcall(load("global two, three = 1, 3"))) print(three)
-- output
false	[string "global one, two = 1, 2"]:1: global 'two' already defined
nil
false	[string "global two, three = 1, 3"]:1: global 'two' already defined
3

-- lua varargs come from their table when they have a name (kernel)
local function f(...t) t[1] = "changed" t.n = 2 return ... end
print(f("a", "b", "c"))
local function g(...t) t.n = "x" return ... end print(pcall(g))
-- output
changed	b
false	test:3: vararg table has no proper 'n'

-- lua a chain of __call longer than 15 (kernel)
local function chain(n) local f = function(...) return select("#", ...) end for _ = 1, n do f = setmetatable({}, { __call = f }) end return f end
print(pcall(chain(16))) print(pcall(function() local f = chain(16) f() end))
-- output
false	'__call' chain too long
false	test:2: '__call' chain too long

-- lua text that is no integer in arithmetic (kernel)
print(pcall(function() return "1.5" + 1 end)) print(pcall(function() return "x" / 1 end)) print(pcall(function() for i = "x", 1 do end end))
-- output
false	test:1: attempt to add a 'string' with a 'number'
false	test:1: attempt to idiv a 'string' with a 'number'
false	test:1: bad 'for' initial value (number expected, got string)

-- lua positional values of a constructor are stored behind the others
local function one() return 1 end
print(({ "positional", [one()] = "keyed" })[1], ({ [2] = "keyed", "a", "b" })[2], #{ "a", "b", [1] = "x", [3] = "c" })
-- output
positional	b	3

-- lua stack overflow closes too
local n = 0
local function deep() local x <close> = setmetatable({}, { __close = function() n = n + 1 end }) return deep() + 1 end
local ok, e = pcall(deep)
print(ok, n > 10, (tostring(e):find("overflow")) ~= nil)
-- output
false	true	true
