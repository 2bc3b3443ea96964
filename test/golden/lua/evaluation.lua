-- lua operands from left to right
local log = {} local function v(x) log[#log + 1] = x return x end
local _ = v(1) + v(2) * v(3) - v(4) // v(5) _ = v(6) < v(7) _ = v(8) .. v(9) .. v(10) _ = v(11) == v(12) _ = -v(13) + ~v(14)
print(table.concat(log, " "))
-- output
1 2 3 4 5 6 7 8 9 10 11 12 13 14

-- lua callee before arguments, arguments from left to right
local log = {} local function v(x) log[#log + 1] = tostring(x) return x end
local t = { f = function() v "call" end }
local function get(n) v(n) return t end
get("obj").f(v(1), v(2), v(3)) get("o2"):f(v(4)) v(print)
print(#log, table.concat(log, " ", 1, 8))
-- output
9	obj 1 2 3 call o2 4 call

-- lua the callee is fixed before its arguments change it
local f = function() return "old" end
print(f((function() f = function() return "new" end end)())) print(f())
local t = { m = function() return "old" end }
print(t.m((function() t.m = function() return "new" end end)()), t.m())
-- output
old
new
old	new

-- lua table and key before the value in an assignment
local log = {} local function v(x) log[#log + 1] = x return x end
local t = {}
t[v(1)] = v(2) t[v(3)], t[v(4)] = v(5), v(6)
print(table.concat(log, " "))
-- output
1 2 3 4 5 6

-- lua all values before any assignment
local a, b, c = 1, 2, 3
a, b, c = c, a, b print(a, b, c)
local t = { 1, 2 } t[1], t[2] = t[2], t[1] print(t[1], t[2])
local i = 1 i, t[i] = i + 1, "x" print(i, t[1], t[2])
-- output
3	1	2
2	1
2	x	1

-- lua the table of an assignment is the one it was
local t = { n = 1 } local old = t
t.n, t = 2, { n = 10 } print(old.n, t.n)
local a = {} local b = a a.x, a = 1, nil print(b.x, a)
-- output
2	10
1	nil

-- lua the key of an assignment is the one it was
local t, k = {}, "a"
t[k], k = 1, "b" print(t.a, t.b, k)
k, t[k] = "c", 2 print(t.b, t.c, k)
-- output
1	nil	b
2	nil	c

-- lua the same target twice gets the first value
local a a, a = 1, 2 print(a)
local t = {} t.x, t.x = 1, 2 print(t.x)
-- output
1
1

-- lua extra values are evaluated and dropped
local n = 0 local function inc() n = n + 1 return n end
local a, b = inc(), inc(), inc() print(a, b, n) a = inc(), inc() print(a, n) local c = (inc()) print(c, n)
-- output
1	2	3
4	5
6	6

-- lua missing values are nil
local a, b, c = 1 print(a, b, c) local function none() end local d, e = none() print(d, e) a, b = none(), 5 print(a, b)
-- output
1	nil	nil
nil	nil
nil	5

-- lua constructors from first to last
local log = {} local function v(x) log[#log + 1] = x return x end
local t = { v(1), [v(2)] = v(3), x = v(4), v(5), [v(6)] = v(7) } print(table.concat(log, " "), #t)
-- output
1 2 3 4 5 6 7	2

-- lua the same key twice in a constructor
local t = { x = 1, x = 2, [1] = "a", "b", [2] = "c" } print(t.x, t[1], t[2])
-- output
2	b	c

-- lua a local is visible behind its statement only
local x = 1 do local x = x + 1 print(x) local x = x * 10 print(x) end print(x)
local f = function() return f end print(f()) local function g() return g end print(g() == g)
-- output
2
20
1
nil
true

-- lua a function called for its effect on operands that are fields
local t = { n = 1 } local function f() t.n = 10 return 1 end
print(t.n + f(), t.n) t.n = 1 print(f() + t.n) t.n = 1 print(t.n .. f(), t.n == f())
-- output
2	10
11
11	false

-- lua operands that are upvalues are read first
local n = 1
local function run() local function f() n = 10 return 1 end return n + f() end print(run())
-- output
2

-- lua arguments are copied when they are evaluated
local a = 1 local function f() a = 10 return 2 end
print(a, f(), a) local function g(...) return ... end a = 1 print(g(a, f()), a) a = 1 local t = { a, f(), a } print(t[1], t[2], t[3])
-- output
1	2	10
1	10
1	2	10

-- lua returned locals are read in order
local function f() local a = 1 local function g() a = 10 return 2 end return a, g(), a end print(f())
-- output
1	2	10

-- lua method calls on the result of calls
local o = { n = 0 } function o:add(x) self.n = self.n + x return self end function o:get() return self.n end
print(o:add(1):add(2):add(3):get(), (o:add(10)).n)
-- output
6	16

-- lua closures capture variables, not values
local fs = {} do local x = 1 fs[1] = function() return x end fs[2] = function(v) x = v end x = 2 end
print(fs[1]()) fs[2](5) print(fs[1]())
-- output
2
5

-- lua parameters are variables of each call
local function make(x) return function() x = x + 1 return x end end
local a, b = make(1), make(10) print(a(), a(), b(), a())
-- output
2	3	11	4

-- lua deep capture through several functions
local function l1() local x = 1 return function() return function() x = x + 1 return function() return x end end end end
local m = l1() local r = m()() m()() print(r())
-- output
3

-- lua recursive closures in tables
local t = {} function t.fact(n) if n <= 1 then return 1 end return n * t.fact(n - 1) end function t.a.b() end
-- output
-- error
test:1: attempt to index a nil value (field 'a')

-- lua a function stored under a dotted name and a method name
local t = { a = { b = {} } } function t.a.f(x) return x end function t.a.b:g(x) return self == t.a.b, x end
print(t.a.f(1), t.a.b:g(2))
-- output
1	true	2

-- lua metamethods of arguments from left to right
local o = setmetatable({}, { __add = function() print "add" return 1 end, __le = function() print "le" return true end })
print(o >= o, o + o) local t = { o <= o, -1, o + o } print(t[1], t[2], t[3])
-- output
le
add
true	1
le
add
true	-1	1

-- lua locals that a call changes are read when they are needed
local t, u, a = { 1, 2, 3, x = 4 }, { 5, 6, 7, x = 8 }, 1
local first = t
local function f(v) t, u, a = u, t, a + 1 return v end
local function show() print(a, first[1], first[2], first[3], first.x, u[1], u[2], u[3], u.x, t[1], t[2], t[3], t.x) end
t.x = f(10) show() t[f(1)] = 11 show() t[2] = f(12) show() t[a] = f(13) show() print(t[f(2)], (t)[f(2)]) show()
print(({ [a] = f(14) })[a - 1], ({ [a] = f(15) })[a])
local function inner()
  t.x = f(20) show() t[f(1)] = 21 show() t[2] = f(22) show() t[1 + a % 3] = f(23) show() print(t[f(2)], (t)[f(2)]) show()
  t.x, t[f(1)] = f(24), 25 show() t.x, t = f(26), t show() a = 1 t[a], t.x = f(27), 28 show() t[a], a = f(29), 2 show()
end inner()
a, t[a] = f(1), 30 show() t[a], a = f(31), 3 show() t[a & 1], t.x = a, f(32) show()
-- output
2	1	2	3	4	1	2	3	4	5	6	7	10
3	11	2	3	4	5	6	7	10	11	2	3	4
4	11	2	3	4	11	2	3	4	5	12	7	10
5	11	2	3	4	5	12	7	10	11	2	3	4
12	2
7	11	2	3	4	5	12	7	10	11	2	3	4
nil	15
10	11	2	3	4	11	2	3	4	5	12	7	20
11	21	2	3	4	5	12	7	20	21	2	3	4
12	21	22	3	4	21	22	3	4	5	12	7	20
13	21	22	3	4	23	12	7	20	21	22	3	4
12	12
15	21	22	3	4	23	12	7	20	21	22	3	4
17	21	22	3	24	25	12	7	20	21	22	3	24
18	21	22	3	26	21	22	3	26	25	12	7	20
2	21	22	3	28	27	12	7	20	21	22	3	28
2	21	29	3	28	21	29	3	28	27	12	7	20
1	21	29	30	28	27	12	7	20	21	29	30	28
3	21	29	30	28	21	29	30	28	31	12	7	20
4	3	29	30	32	31	12	7	20	3	29	30	32


-- lua operands of a chain of .. are there before an inner one calls a metamethod
local a = "a"
local o = setmetatable({}, { __concat = function() a = "changed" return "c" end })
local function touch() a = "b" end
print(a .. "-" .. o, a)
touch()
print((a .. a .. o), a)
-- output
ac	changed
bc	changed


-- lua what a metamethod of the left operand changes is read on the right afterwards
local n = 1
local o = setmetatable({}, { __unm = function() n = n + 1 return 7 end })
local function run() return (-o) << n, n end
print(run())
print((-o) << n, n)
print((-o) + (n << 1), n)
local function after() return n, (-o) * (n + 0) end
print(after())
-- output
28	2
56	3
15	4
4	35

-- lua a captured variable on the left is read before a metamethod of the right assigns it, in coroutines as well
local function run()
  local a, b = 9007199254740991, 9007199254740992
  local o = setmetatable({}, { __add = function() b = b + 1 return 1 end, __mul = function(_, n) b = coroutine.yield(b) return n end })
  local function add() print(b | o + a, b) end
  local function multiply() print(b - o * a, b) end
  a, b = b, a
  add()
  if coroutine.isyieldable() then multiply() end
end
run()
local f = coroutine.wrap(run)
print(f()) f(5)
-- output
9007199254740991	9007199254740992
9007199254740991	9007199254740992
9007199254740992
0	5
