-- lua missing and extra arguments
local function f(a, b) return a, b end
print(f()) print(f(1)) print(f(1, 2, 3))
print(select("#", f()))
-- output
nil	nil
1	nil
1	2
2

-- lua varargs
local function f(...) return select("#", ...), ... end
print(f()) print(f(nil)) print(f(1, nil, 3, nil))
local function g(a, ...) local b, c = ... return a, b, c, ... end
print(g(1)) print(g(1, 2)) print(g(1, 2, 3, 4))
print((function(...) return (...) end)(7, 8))
print((function(...) local t = { ... } return #t, t[1] end)(7, 8))
print((function(...) local t = { ..., "end" } return #t, t[2] end)(7, 8))
print((function(...) return ... end)())
print(#{ (function(...) return ... end)(1, nil, 3) } >= 1)
-- output
0
1	nil
4	1	nil	3	nil
1	nil	nil
1	2	nil	2
1	2	3	2	3	4
7
2	7
2	end

true

-- lua varargs in the middle give one value
local function v() return 1, 2, 3 end
print(v(), v()) print((v())) print(v(), 10) print(({ v(), v() })[4], #{ v(), v() }, #{ v(), (v()) })
-- output
1	1	2	3
1
1	10
3	4	2

-- lua the list of arguments does not change with the parameters
local function f(a, ...) a = 5 local x = ... return a, x, ... end
print(f(1, 2, 3))
-- output
5	2	2	3

-- lua named varargs (kernel)
local function f(a, ...t) return a, t.n, t[1], t[2], #t end
print(f()) print(f(1)) print(f(1, 2, 3)) print(f(1, nil, nil))
local function g(...args) return select("#", ...), args.n, ... end
print(g(7, 8))
print(load("local function f(...t) t = 1 end"))
print(load("local function f(...t, a) end"))
print((function(...t) t[1] = 5 t.n = t.n return t[1] end)(1))
print((function(...t) local function inner() return t.n end return inner() end)(1, 2))
-- output
nil	0	nil	nil	0
1	0	nil	nil	0
1	2	2	3	2
1	2	nil	nil	0
2	2	7	8
nil	[string "local function f(...t) t = 1 end"]:1: attempt to assign to const variable 't'
nil	[string "local function f(...t, a) end"]:1: ')' expected near ','
5
2

-- lua methods
local account = { balance = 0 }
function account.deposit(self, n) self.balance = self.balance + n return self end
function account:get() return self.balance end
print(account:deposit(5):deposit(6):get(), account.get(account), account.get { balance = 1 })
local t = { a = { b = { c = {} } } }
function t.a.b.c.f(x) return x end
function t.a.b.c:m(x) return self == t.a.b.c, x end
print(t.a.b.c.f(1), t.a.b.c:m(2))
-- output
11	11	1
1	true	2

-- lua the object of a method call is evaluated once
local n = 0
local function obj() n = n + 1 return { m = function(self, a, b) return a + b end } end
print(obj():m(1, 2), n)
-- output
3	1

-- lua methods of strings
print(("abc"):upper(), ("x"):rep(3), #("abc"):reverse(), ("%d"):format(5))
local s = "hello"
print(s:len(), s:sub(2, 3), s:byte(1))
print(pcall(function() return ("x"):nomethod() end))
-- output
ABC	xxx	3	5
5	el	104
false	test:4: attempt to call a nil value (method 'nomethod')

-- lua calls without parentheses
local function id(x) return x end
print(id "text", (id { 1 })[1], id [[long]], type(id {}), #id "four")
local t = { m = function(self, x) return x end }
print(t:m "text", (t:m { 5 })[1])
-- output
text	1	long	table	4
text	5

-- lua recursion and mutual recursion
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(20))
local function ack(m, n) if m == 0 then return n + 1 elseif n == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, n - 1)) end
print(ack(2, 3))
-- output
6765
9

-- lua tail calls do not use the stack
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + 1) end
print(loop(300000, 0))
local function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
local co = { step = function(self, n) if n == 0 then return "end", 1, 2 end return self:step(n - 1) end }
print(co:step(100000))
local function many(n, ...) if n == 0 then return ... end return many(n - 1, n, ...) end
print(select("#", many(50)))
print(pcall(loop, 100000, 0))
local t = setmetatable({}, { __call = function(self, n) if n == 0 then return "called" end return self(n - 1) end })
print(t(10000))
print((loop(100000, 0)), loop(100000, 5) + 1, ({ loop(100000, 7) })[1])
-- output
300000
end	1	2
50
true	100000
called
100000	100006	100007

-- lua results are adjusted
local function none() end
local function two() return 1, 2 end
local a, b = none()
print(a, b)
print((none()), (two()))
local t = { none(), two(), two() }
print(#t, t[1], t[2], t[3], t[4])
print(none(), two(), none())
print(pcall(two), "x")
if none() then print("never") end
print(none() == nil, two() + 1, two() .. "", not none(), -two(), #tostring(two()))
-- output
nil	nil
nil	1
4	nil	1	1	2
nil	1
true	x
true	2	1	true	-1	1

-- lua functions are values
local t = {}
function t.f() return "f" end
t["g h"] = function() return "g" end
print(t.f(), t["g h"](), (function() return "now" end)())
print(type(print), print == print, (function() end) ~= (function() end))
-- output
f	g	now
function	true	true

-- lua callables through __call
local c = setmetatable({}, { __call = function(self, a, b) return self, a, b end })
local self, a, b = c(1, 2)
print(self == c, a, b)
print(pcall(c, 5) , select(2, pcall(c, 5)) == c)
local d = setmetatable({}, { __call = c })
print(select("#", d(1)), select(2, d(1)) == d)
-- output
true	1	2
true	true
3	true

-- lua a chain of fifteen __call
local function chain(n) local c = function(...) return select("#", ...) end for _ = 1, n do c = setmetatable({}, { __call = c }) end return c end
print(chain(15)(1))
-- output
16

-- lua calling what is no function
print(pcall(function() undefinedfunction() end))
print(pcall(function() local x = 5 x() end))
print(pcall(function() local t = {} t.field() end))
print(pcall(function() local t = {} t:method() end))
print(pcall(function() local t = {} t.a.b() end))
print(pcall(function() (nil)() end))
print(pcall(function() return undefinedfunction(1) end))
-- output
false	test:1: attempt to call a nil value (global 'undefinedfunction')
false	test:2: attempt to call a number value (local 'x')
false	test:3: attempt to call a nil value (field 'field')
false	test:4: attempt to call a nil value (method 'method')
false	test:5: attempt to index a nil value (field 'a')
false	test:6: attempt to call a nil value
false	test:7: attempt to call a nil value (global 'undefinedfunction')

-- lua the callee is tested after its arguments are evaluated
print(pcall(function() local f; f(print("argument")) end))
-- output
argument
false	test:1: attempt to call a nil value (local 'f')

-- lua upvalue names in messages
local up
print(pcall(function() up() end))
print(pcall(function() return up.x end))
print(pcall(function() return up + 1 end))
print(pcall(function() up.x = 1 end))
-- output
false	test:2: attempt to call a nil value (upvalue 'up')
false	test:3: attempt to index a nil value (upvalue 'up')
false	test:4: attempt to perform arithmetic on a nil value (upvalue 'up')
false	test:5: attempt to index a nil value (upvalue 'up')

-- lua long argument lists
local t = {}
for i = 1, 150 do t[i] = i end
print(select("#", table.unpack(t)), (select(150, table.unpack(t))))
print(math.max(table.unpack(t)))
-- output
150	150
150
