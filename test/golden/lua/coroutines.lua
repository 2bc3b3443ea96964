-- lua values go both ways
local co = coroutine.create(function(a, b)
  print("start", a, b)
  local c = coroutine.yield(a + b)
  print("got", c)
  local d, e = coroutine.yield(c * 2)
  print("got", d, e)
  return "end", 1
end)
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co))
print(coroutine.resume(co, 10)) print(coroutine.resume(co, "x", "y"))
print(coroutine.status(co)) print(coroutine.resume(co))
-- output
start	1	2
true	3
suspended
got	10
true	20
got	x	y
true	end	1
dead
false	cannot resume dead coroutine

-- lua wrap and iterators
local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
for i in range(4) do io.write(i, " ") end
local function tree(t) if t then tree(t[1]) coroutine.yield(t[2]) tree(t[3]) end end
for v in coroutine.wrap(function() tree({ { nil, 1, { nil, 2 } }, 3, { nil, 4 } }) end) do io.write(v, " ") end
print()
-- output
1 2 3 4 1 2 3 4 

-- lua yield across pcall, metamethods and iterators
local co = coroutine.wrap(function()
  local ok, v = pcall(function() local x = coroutine.yield("in pcall") error("e" .. x, 0) end)
  print(ok, v)
  local ok, v = xpcall(function() coroutine.yield("in xpcall") error("x", 0) end, function(m) return "handled " .. m end)
  print(ok, v)
  for v in function(_, c) c = (c or 0) + 1 if c < 3 then coroutine.yield("in iterator " .. c) return c end end do io.write(v, " ") end
  print()
  return "end"
end)
print(co()) print(co(5)) print(co()) print(co()) print(co())
-- output
in pcall
false	e5
in xpcall
false	handled x
in iterator 1
1 in iterator 2
2 
end

-- lua coroutine.status, running and isyieldable
print(coroutine.isyieldable(), select(2, coroutine.running()), type(coroutine.running()))
local co
co = coroutine.create(function()
  print(coroutine.status(co), coroutine.isyieldable(), select(2, coroutine.running()), coroutine.running() == co)
  local inner = coroutine.create(function() print(coroutine.status(co)) end)
  coroutine.resume(inner)
  print(coroutine.resume(co))
end)
print(coroutine.status(co), type(co))
coroutine.resume(co)
print(coroutine.status(co))
-- output
false	true	thread
suspended	thread
running	true	false	true
normal
false	cannot resume non-suspended coroutine
dead

-- lua errors in coroutines
local co = coroutine.create(function() error("text", 0) end)
print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.status(co))
co = coroutine.create(function() error({ code = 1 }) end)
print(select(2, coroutine.resume(co)).code)
print(pcall(coroutine.wrap(function() error("wrapped", 0) end)))
local w = coroutine.wrap(function() return 1 end)
print(w()) print(pcall(w))
print(pcall(coroutine.create, 1)) print(pcall(coroutine.resume, 1)) print(pcall(coroutine.status))
-- output
false	text
false	cannot resume dead coroutine
dead
1
false	wrapped
1
false	cannot resume dead coroutine
false	bad argument #1 to 'coroutine.create' (function expected, got number)
false	bad argument #1 to 'coroutine.resume' (thread expected, got number)
false	bad argument #1 to 'coroutine.status' (thread expected, got no value)

-- lua yield outside a coroutine
print(pcall(coroutine.yield, 1))
-- output
false	attempt to yield from outside a coroutine

-- lua yield across a native function
local co = coroutine.create(function() table.sort({ 3, 2, 1 }, function(a, b) coroutine.yield() return a < b end) end)
print(coroutine.resume(co))
co = coroutine.create(function() return ("x"):gsub("x", function() coroutine.yield() end) end)
print(coroutine.resume(co))
-- output
false	attempt to yield across a C-call boundary
false	attempt to yield across a C-call boundary

-- lua coroutine.close
local co = coroutine.create(function() coroutine.yield() end)
coroutine.resume(co)
print(coroutine.close(co), coroutine.status(co), coroutine.close(co))
co = coroutine.create(print)
print(coroutine.close(co), coroutine.resume(co))
co = coroutine.create(function() error("e", 0) end)
coroutine.resume(co)
print(coroutine.close(co))
print(pcall(coroutine.close, coroutine.running()))
co = coroutine.wrap(function() print(pcall(coroutine.close, coroutine.running())) end)
co()
-- output
true	dead	true
true	false	cannot resume dead coroutine
false	e
false	cannot close a running coroutine
false	cannot close a running coroutine

-- lua native functions as bodies
print(coroutine.wrap(print)(1, 2)) print(coroutine.resume(coroutine.create(pcall), error, "x"))
print(coroutine.wrap(coroutine.yield)(5))
local co = coroutine.wrap(pcall)
print(co(coroutine.yield, "through")) print(co("back"))
-- output
1	2

true	false	x
5
through
true	back

-- lua producer, filter, consumer
local function producer() return coroutine.create(function() for _, s in ipairs { "a", "b", "c" } do coroutine.yield(s) end end) end
local function filter(p) return coroutine.create(function() local n = 1 while true do local _, v = coroutine.resume(p) if not v then return end coroutine.yield(n .. v) n = n + 1 end end) end
local f = filter(producer())
while true do local _, v = coroutine.resume(f) if not v then break end io.write(v, " ") end
print()
-- output
1a 2b 3c 

-- lua permutations
local function permgen(a, n) n = n or #a if n <= 1 then coroutine.yield(a) else for i = 1, n do a[n], a[i] = a[i], a[n] permgen(a, n - 1) a[n], a[i] = a[i], a[n] end end end
for p in coroutine.wrap(function() permgen { 1, 2, 3 } end) do io.write(table.concat(p), " ") end
print()
-- output
231 321 312 132 213 123 

-- lua closures, varargs and upvalues survive yields
local log = {}
local co = coroutine.wrap(function(...)
  local n = select("#", ...)
  local function add(x) n = n + x coroutine.yield(n) return n end
  log[#log + 1] = add(10)
  log[#log + 1] = add(20)
  goto last
  ::first:: do return ... end
  ::last:: coroutine.yield("last") goto first
end)
print(co(1, nil, 3)) print(co()) print(co()) print(log[1], log[2]) print(co())
-- output
13
33
last
13	33
1	nil	3

-- lua tail calls and deep recursion in a coroutine
local function loop(n) if n == 0 then return coroutine.yield("bottom") end return loop(n - 1) end
local co = coroutine.wrap(loop)
print(co(50000)) print(co("up"))
local function deep(n) if n == 0 then coroutine.yield("deep") return 0 end return 1 + deep(n - 1) end
co = coroutine.wrap(deep)
print(co(150)) print(co())
-- output
bottom
up
deep
150

-- lua one function in and out of coroutines
local function f(n) if coroutine.isyieldable() then coroutine.yield(n) end return n * 2 end
print(f(1))
local co = coroutine.wrap(function() return f(2) + f(3) end)
print(co()) print(f(4)) print(co()) print(co())
-- output
2
2
8
3
10

-- lua a thousand coroutines
local cs, sum = {}, 0
for i = 1, 1000 do cs[i] = coroutine.wrap(function() local n = i while true do n = n + coroutine.yield(n) end end) cs[i]() end
for i = 1, 1000 do sum = sum + cs[i](i) end
print(sum)
-- output
1001000

-- lua goto and loops in coroutines
local co = coroutine.wrap(function()
  for i = 1, 3 do
    if i == 2 then goto continue end
    coroutine.yield(i)
    ::continue::
  end
  local n = 0
  ::again:: n = n + 1
  coroutine.yield("again " .. n)
  if n < 2 then goto again end
  for i = math.maxinteger - 1, math.maxinteger do coroutine.yield(i) end
end)
for v in co do io.write(v, " ") end
print()
-- output
1 3 again 1 again 2 9223372036854775806 9223372036854775807 

-- lua resume passes arguments and results
local co = coroutine.create(function(a, b)
  local c, d = coroutine.yield(a + b)
  local e = coroutine.yield(c * d)
  return e, "end"
end)
print(coroutine.resume(co, 1, 2)) print(coroutine.resume(co, 3, 4)) print(coroutine.resume(co, 5)) print(coroutine.resume(co, 6))
-- output
true	3
true	12
true	5	end
false	cannot resume dead coroutine

-- lua yields of none and many values
local co = coroutine.wrap(function() print(select("#", coroutine.yield())) print(select("#", coroutine.yield(nil, nil))) return nil, nil end)
print(select("#", co())) print(select("#", co(1, 2, 3))) print(select("#", co(nil)))
-- output
0
3
2
1
2

-- lua status in every state
local co, outer
co = coroutine.create(function() print(coroutine.status(co)) local inner = coroutine.create(function() print(coroutine.status(co)) end) coroutine.resume(inner) coroutine.yield() end)
print(coroutine.status(co)) coroutine.resume(co) print(coroutine.status(co)) coroutine.resume(co) print(coroutine.status(co))
co = coroutine.create(error) coroutine.resume(co) print(coroutine.status(co))
-- output
suspended
running
normal
suspended
dead
dead

-- lua running tells the coroutine and whether it is the main one
local main, ismain = coroutine.running()
print(type(main), ismain, coroutine.status(main))
local co = coroutine.create(function() local c, m = coroutine.running() return c, m end)
local _, c, m = coroutine.resume(co)
print(c == co, m, main ~= co, coroutine.isyieldable(), coroutine.wrap(function() return coroutine.isyieldable() end)())
-- output
thread	true	running
true	false	true	false	true

-- lua resuming what cannot be resumed
local co = coroutine.create(function() end)
coroutine.resume(co) print(coroutine.resume(co))
local self = coroutine.wrap(function() return coroutine.resume(coroutine.running()) end) print(self())
print(coroutine.resume(coroutine.running()))
local outer outer = coroutine.create(function() return coroutine.resume(coroutine.create(function() return coroutine.resume(outer) end)) end)
print(coroutine.resume(outer))
-- output
false	cannot resume dead coroutine
false	cannot resume non-suspended coroutine
false	cannot resume non-suspended coroutine
true	true	false	cannot resume non-suspended coroutine

-- lua wrap of a dead coroutine
local f = coroutine.wrap(function() return 1 end)
print(f()) print(pcall(f)) print(pcall(function() f() end))
-- output
1
false	cannot resume dead coroutine
false	test:2: cannot resume dead coroutine

-- lua errors pass through wrap with their position
print(pcall(coroutine.wrap(function() error("plain") end)))
print(pcall(coroutine.wrap(function() error({ 1 }) end)) == false)
print(pcall(coroutine.wrap(function() local x = nil; return x.y end)))
-- output
false	test:1: plain
true
false	test:3: attempt to index a nil value (local 'x')

-- lua an error ends the coroutine
local co = coroutine.create(function() coroutine.yield(1) error("gone", 0) end)
print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.status(co))
-- output
true	1
false	gone
false	cannot resume dead coroutine
dead

-- lua yield across pcall
local co = coroutine.wrap(function()
  local ok, v = pcall(function() local x = coroutine.yield("in") error(x, 0) end)
  local ok2, v2 = pcall(pcall, coroutine.yield, "deep")
  return ok, v, ok2, v2
end)
print(co()) print(co("boom")) print(co("back"))
-- output
in
deep
false	boom	true	true

-- lua yield across xpcall with a handler
local co = coroutine.wrap(function() return xpcall(function(a) local b = coroutine.yield(a) error(a .. b, 0) end, function(e) return "handled " .. e end, "x") end)
print(co()) print(co("y"))
-- output
x
false	handled xy

-- lua an error after a yield inside nested pcalls
local co = coroutine.wrap(function()
  return pcall(function() local ok, e = pcall(function() coroutine.yield(1) error("inner", 0) end) coroutine.yield(e) error("outer", 0) end)
end)
print(co()) print(co()) print(co())
-- output
1
inner
false	outer

-- lua yield in an iterator
local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
for i in range(3) do for j in range(2) do io.write(i, j, " ") end end print()
-- output
11 12 21 22 31 32 

-- lua yield inside the iterator function of a generic for
local co = coroutine.wrap(function() for v in coroutine.yield do io.write(v, " ") end return "end" end)
co() co(1) co(2) print(co(nil))
-- output
1 2 end

-- lua yield in arguments, conditions and operands
local y = coroutine.yield
local co = coroutine.wrap(function()
  local t = { y(1), x = y(2), [y(3)] = y(4) }
  if y(5) == 50 then t.five = true end
  while y(6) do end
  return t[1], t.x, t.k, t.five, y(7) .. y(8), y(9) + y(10) * y(11), -y(12), not y(13), y(14) and y(15), y(16) or y(17)
end)
print(co()) print(co(10)) print(co(20)) print(co("k")) print(co(40)) print(co(50)) print(co(false)) print(co("a")) print(co("b")) print(co(1)) print(co(2)) print(co(3)) print(co(4)) print(co(nil)) print(co(true)) print(co("and")) print(co(nil)) print(co("or"))
-- output
1
2
3
4
5
6
7
8
9
10
11
12
13
14
15
16
17
10	20	40	true	ab	7	-4	true	and	or

-- lua yield in method calls and tail calls
local o = { v = 5 } function o:m(x) return coroutine.yield(self.v + x) end
local function t(x) return o:m(x) end
local co = coroutine.wrap(function() return t(1), (t(2)) end)
print(co()) print(co("a", "b")) print(co("c", "d"))
-- output
6
7
a	c

-- lua yield inside a numeric loop with its own variables
local co = coroutine.wrap(function() local fs = {} for i = 1, 3 do local j = i fs[i] = function() j = j + 1 return j end coroutine.yield(i) end return fs[1](), fs[1](), fs[3]() end)
print(co(), co(), co()) print(co())
-- output
1	2	3
2	3	4

-- lua yield in a repeat condition and with goto
local co = coroutine.wrap(function() local n = 0 repeat n = n + 1 local stop = coroutine.yield(n) until stop ::again:: if coroutine.yield("g") then goto again end return "end" end)
print(co(), co(false), co(false), co(true), co(true), co(false))
-- output
1	2	3	g	g	end

-- lua yield in multiple assignment
local co = coroutine.wrap(function() local t, i = {}, 1 i, t[i], t.x = coroutine.yield(1), coroutine.yield(2), coroutine.yield(3) return i, t[1], t.x end)
co() co("a") co("b") print(co("c"))
-- output
a	b	c

-- lua yield inside a constructor of many values
local co = coroutine.wrap(function() return #{ 1, coroutine.yield(), 3, coroutine.yield() } end)
co() co(2) print(co(4, 5, 6))
-- output
6

-- lua a native function cannot be left by a yield
local function try(f) local co = coroutine.create(f) return coroutine.resume(co) end
print(try(function() table.sort({ 3, 2, 1 }, function(a, b) coroutine.yield() return a < b end) end))
print(try(function() ("x"):gsub(".", function() coroutine.yield() end) end))
print(try(function() load(function() coroutine.yield() end) end))
-- output
false	attempt to yield across a C-call boundary
false	attempt to yield across a C-call boundary
true

-- lua yield outside every coroutine
print(pcall(coroutine.yield)) print(pcall(function() coroutine.yield() end))
-- output
false	attempt to yield from outside a coroutine
false	attempt to yield from outside a coroutine

-- lua yield as the body of a coroutine
local co = coroutine.wrap(coroutine.yield)
print(co(1, 2)) print(co(3, 4))
-- output
1	2
3	4

-- lua close of every state
print(coroutine.close(coroutine.create(print)))
local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) print(coroutine.close(co), coroutine.status(co))
co = coroutine.create(error) coroutine.resume(co, "msg") print(coroutine.close(co)) print(coroutine.close(co))
co = coroutine.create(print) coroutine.resume(co) print(coroutine.close(co))
print(pcall(coroutine.close, coroutine.running()))
co = coroutine.wrap(function() return pcall(coroutine.close, coroutine.running()) end) print(co())
local outer outer = coroutine.create(function() return coroutine.wrap(function() return pcall(coroutine.close, outer) end)() end) print(coroutine.resume(outer))
-- output
true
true	dead
false	msg
true

true
false	cannot close a running coroutine
false	cannot close a running coroutine
true	false	cannot close a normal coroutine

-- lua arguments that are no coroutines
print(pcall(coroutine.create, 5)) print(pcall(coroutine.wrap)) print(pcall(coroutine.resume, {})) print(pcall(coroutine.status, "x")) print(pcall(coroutine.close, nil == 1))
-- output
false	bad argument #1 to 'coroutine.create' (function expected, got number)
false	bad argument #1 to 'coroutine.wrap' (function expected, got no value)
false	bad argument #1 to 'coroutine.resume' (thread expected, got table)
false	bad argument #1 to 'coroutine.status' (thread expected, got string)
false	bad argument #1 to 'coroutine.close' (thread expected, got boolean)

-- lua coroutines as values
local a, b = coroutine.create(print), coroutine.create(print)
print(a == a, a == b, type(a), (tostring(a):gsub("0x%x+", "ADDR")), ({ [a] = "key" })[a])
-- output
true	false	thread	thread: ADDR	key

-- lua generators that feed each other
local function gen(n) return coroutine.wrap(function() for i = 2, n do coroutine.yield(i) end end) end
local function filter(p, g) return coroutine.wrap(function() for n in g do if n % p ~= 0 then coroutine.yield(n) end end end) end
local x, primes = gen(30), {}
while true do local n = x() if n == nil then break end primes[#primes + 1] = n x = filter(n, x) end
print(table.concat(primes, " "))
-- output
2 3 5 7 11 13 17 19 23 29

-- lua recursion with yields
local function tree(n) if n > 0 then tree(n - 1) coroutine.yield(n) tree(n - 1) end end
local out = {} for v in coroutine.wrap(function() tree(3) end) do out[#out + 1] = v end
print(table.concat(out))
-- output
1213121

-- lua two coroutines share upvalues
local n = 0
local function body() while true do n = n + 1 coroutine.yield(n) end end
local a, b = coroutine.wrap(body), coroutine.wrap(body)
print(a(), b(), a(), b(), n)
-- output
1	2	3	4	4

-- lua a function used inside and outside coroutines
local function f(x) if coroutine.isyieldable() then return coroutine.yield(x) end return x * 2 end
local co = coroutine.wrap(function() return f(5) end)
print(f(5), co(), co("back"), f(6))
-- output
10	5	back	12

-- lua a scheduler
local tasks, log = {}, {}
local function spawn(name, n) tasks[#tasks + 1] = coroutine.create(function() for i = 1, n do log[#log + 1] = name .. i coroutine.yield() end end) end
spawn("a", 3) spawn("b", 1) spawn("c", 2)
while #tasks > 0 do for i = #tasks, 1, -1 do coroutine.resume(tasks[i]) if coroutine.status(tasks[i]) == "dead" then table.remove(tasks, i) end end end
print(table.concat(log, " "))
-- output
c1 b1 a1 c2 a2 a3

-- lua coroutines that resume one another too deep
local function nest(n) if n == 0 then return "bottom" end return coroutine.wrap(function() return nest(n - 1) end)() end
print(nest(50)) local ok, e = pcall(nest, 1000) print(ok, (e:find("C stack overflow", 1, true)) ~= nil)
-- output
bottom
false	true

-- lua varargs and closures survive a yield
local co = coroutine.wrap(function(...) local n = select("#", ...) local f = function() return n end coroutine.yield() return f(), ... end)
co(1, nil, 3) print(co())
-- output
3	1	nil	3

-- lua pcall in a coroutine without a yield
print(coroutine.wrap(function() return pcall(error, "e", 0) end)()) print(coroutine.wrap(function() return select(2, pcall(string.rep)) end)())
-- output
false	e
bad argument #1 to 'string.rep' (string expected, got no value)

-- lua levels of errors do not leave the coroutine
local function f() local co = coroutine.create(function() error("level two", 2) end) return coroutine.resume(co) end
print(f())
-- output
false	level two

-- lua a yield between two labels
local co = coroutine.wrap(function()
  local n = 0
  ::again::
  n = n + 1
  if n > 3 then goto done end
  coroutine.yield(n)
  goto again
  ::done::
  return "done"
end)
print(co(), co(), co(), co())
-- output
1	2	3	done

-- lua what is declared before a label is kept for the way back to it
local co = coroutine.wrap(function(limit)
  ::start::
  local text = "x"
  local count = limit
  ::again::
  count = count - 1
  local here = text .. count
  if count < 0 then goto done end
  coroutine.yield(here)
  goto again
  ::done::
  return "done"
end)
print(co(2), co(), co())
-- output
x1	x0	done

-- lua what a loop reads again is kept, and each round has its own
local function numbers(list, from, to)
  local total, fs = 0, {}
  for i = from, to do
    local own = i * 10
    fs[#fs + 1] = function() own = own + 1 return own end
    total = total + (list[i] or coroutine.yield(i, total))
  end
  local n = 0
  repeat
    local got = coroutine.yield("got", n)
    n = n + got
  until got > n - 3
  while n > 0 do n = n - coroutine.yield("left", n) end
  return total, fs[1](), fs[1](), fs[2]()
end
local co = coroutine.wrap(numbers)
print(co({ 5, nil, 7 }, 1, 4))
print(co(100))
print(co(1000))
print(co(5))
print(co(1))
print(co(4))
-- output
2	5
4	112
got	0
left	5
left	4
1112	11	12	21


-- lua __pairs may yield, and fail afterwards
local t = setmetatable({}, { __pairs = function(t) coroutine.yield("step") return function(_, k) if not k then return 1, 2 end end, t, nil end })
local co = coroutine.wrap(function() for a, b in pairs(t) do print(a, b) end return "done" end)
print(co()) print(co())
local bad = setmetatable({}, { __pairs = function() coroutine.yield(1) error("no pairs") end })
local co2 = coroutine.create(function() for a in pairs(bad) do end end)
print(coroutine.resume(co2)) print(coroutine.resume(co2))
-- output
step
1	2
done
true	1
false	test:4: no pairs

-- lua a yield in the branch of else, of a condition whose values nobody needs afterwards
local co = coroutine.wrap(function(x)
  local a
  if not (x == 1 and 1 >= x) then a = 1 else print("else", coroutine.yield(5)) end
  if a == x then a = 2 else coroutine.yield(6) end
  local k = x
  if k ~= nil then k = coroutine.yield(7) end
  if k == nil then a = 3 elseif k == 4 then a = 4 else print(coroutine.yield(8)) end
  return "end", a
end)
for i = 1, 4 do print(co(i)) end
-- output
5
else	2
6
7
end	4

-- lua a metamethod behind text cannot yield
local o = setmetatable({}, { __mod = function(a, b) return coroutine.isyieldable() and coroutine.yield("mod") end })
local co = coroutine.wrap(function()
  print(pcall(function() return 10 % o, o % "s" end))
  print(pcall(function() return "s" % o end))
  getmetatable(o).__mod = function() return coroutine.yield() end
  print(pcall(function() return "10" % o end))
  getmetatable("").__mod = function() return coroutine.yield("text") end
  print(pcall(function() return "10" % o end))
end)
print(co()) print(co(1)) print(co(2)) co(3)
-- output
mod
mod
true	1	2
true	false
false	attempt to yield across a C-call boundary
text
true	3

-- lua where a coroutine may yield
local co = coroutine.wrap(function()
  print(coroutine.isyieldable(), pcall(coroutine.isyieldable))
  print(("a"):gsub("a", function() print(coroutine.isyieldable()) end))
  table.sort({ 1, 2 }, function(a, b) print(coroutine.isyieldable()) return a < b end)
  local f = setmetatable({}, { __index = function() return coroutine.isyieldable() end })
  print(f.x)
end)
co() print(coroutine.isyieldable())
-- output
true	true	true
false
a	1
false
true
false

-- lua closing methods that fail or yield while a coroutine is closed
local function closer(name, f) return setmetatable({}, { __close = function(_, e) print("close", name, e) f() end }) end
local co = coroutine.create(function()
  local a <close> = closer("a", function() end)
  print(pcall(function()
    local b <close> = closer("b", function() error("oops b", 0) end)
    local c <close> = closer("c", function() print(pcall(coroutine.yield)) end)
    local d <close> = closer("d", function() coroutine.yield() end)
    coroutine.yield(1)
  end))
  print("not here")
end)
print(coroutine.resume(co)) print(coroutine.close(co)) print(coroutine.status(co))
-- output
true	1
close	d	nil
close	c	attempt to yield across a C-call boundary
false	attempt to yield across a C-call boundary
close	b	attempt to yield across a C-call boundary
close	a	oops b
false	oops b
dead

-- lua isyieldable is false while a coroutine is closed
local function yieldable(_, e) print("closing", coroutine.isyieldable()) end
local function start(f) local co = coroutine.create(f) coroutine.resume(co) return co end
local co = start(function() local x <close> = setmetatable({}, { __close = yieldable }) coroutine.yield() end)
print(coroutine.close(co), coroutine.isyieldable())
co = start(function()
  local x <close> = setmetatable({}, { __close = function()
    print(coroutine.wrap(function() return coroutine.isyieldable() end)(), coroutine.isyieldable())
    print(pcall(coroutine.isyieldable), pcall(coroutine.yield))
  end })
  coroutine.yield()
end)
print(coroutine.close(co))
coroutine.wrap(function() print(coroutine.close(start(function() local x <close> = setmetatable({}, { __close = yieldable }) coroutine.yield() end)), coroutine.isyieldable()) end)()
co = start(function() do local x <close> = setmetatable({}, { __close = yieldable }) end coroutine.yield() end)
-- output
closing	false
true	false
true	false
true	false	attempt to yield across a C-call boundary
true
closing	false
true	true
closing	true
