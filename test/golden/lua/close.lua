-- lua closing at the end of a block, in reverse order
local function new(n) return setmetatable({}, { __close = function(_, e) print("close", n, e) end }) end
do
  local a <close> = new("a")
  local b <close> = new("b")
  print("body")
end
print("after")
-- output
body
close	b	nil
close	a	nil
after

-- lua closing on every way out
local function new(n) return setmetatable({}, { __close = function() io.write("close ", n, "; ") end }) end
for i = 1, 3 do local c <close> = new(i) if i == 2 then break end io.write("body; ") end
print()
local function f() local c <close> = new("f") return "result", 2 end
print(f())
local i = 0
while i < 2 do i = i + 1 local c <close> = new(i) if i == 1 then goto continue end io.write("second; ") ::continue:: end
print()
repeat local c <close> = new("repeat") local stop = true until stop
print()
-- output
body; close 1; close 2; 
close f; result	2
close 1; second; close 2; 
close repeat; 

-- lua closing after an error sees it
local function new(n) return setmetatable({}, { __close = function(_, e) print("close", n, e) end }) end
print(pcall(function() local a <close> = new("a") local b <close> = new("b") error("failed", 0) end))
print(pcall(function() local a <close> = new("a") local x = nil + 1 end))
-- output
close	b	failed
close	a	failed
false	failed
close	a	test:3: attempt to perform arithmetic on a nil value
false	test:3: attempt to perform arithmetic on a nil value

-- lua an error while closing replaces the other
local function bad(text) return setmetatable({}, { __close = function(_, e) print("closing after", e) error(text, 0) end }) end
print(pcall(function() local a <close> = bad("first") local b <close> = bad("second") error("body", 0) end))
print(pcall(function() local a <close> = bad("only") end))
print(pcall(function() local a <close> = bad("on return") return 1 end))
-- output
closing after	body
closing after	second
false	first
closing after	nil
false	only
closing after	nil
false	on return

-- lua nil and false need no closing
do local a <close> = nil local b <close> = false end
print("ok")
print(pcall(function() local a <close> = {} end))
print(pcall(function() local name <close> = 5 end))
-- output
ok
false	test:3: variable 'a' got a non-closable value
false	test:4: variable 'name' got a non-closable value

-- lua a return in the scope of a variable to be closed is no tail call
local function new(n) return setmetatable({}, { __close = function() print("close", n) end }) end
local function g() print("g") return 1, 2, 3 end
local function f() local a <close> = new("a") return g() end
print(f())
-- output
g
close	a
1	2	3

-- lua the fourth value of a generic for is closed
local function iter(n) return function(s, i) if i < n then return i + 1 end end, nil, 0, setmetatable({}, { __close = function() io.write("closed ") end }) end
for i in iter(2) do io.write(i, " ") end
for i in iter(5) do if i == 2 then break end io.write(i, " ") end
print(pcall(function() for i in iter(3) do error("in loop", 0) end end))
print((function() for i in iter(3) do return "from loop" end end)())
for i in iter(2) do goto out end
::out:: print()
print(pcall(function() for k in next, {}, nil, 5 do end end))
-- output
1 2 closed 1 closed closed false	in loop
closed from loop
closed 
false	test:8: variable '(for state)' got a non-closable value

-- lua results are computed before closing
local x = 1
local function f() local a <close> = setmetatable({}, { __close = function() x = 100 end }) return x end
print(f(), x)
-- output
1	100

-- lua variables to be closed are constants
print(load("local a <close> = nil; a = 1"))
print(load("local a <close>, b <close> = nil, nil"))
print(load("local a <close>, b = nil, 1; b = 2") ~= nil)
-- output
nil	[string "local a <close> = nil; a = 1"]:1: attempt to assign to const variable 'a'
nil	[string "local a <close>, b <close> = nil, nil"]:1: multiple to-be-closed variables in local list
true

-- lua closing inside a coroutine
local function new(n) return setmetatable({}, { __close = function(_, e) print("close", n, e) end }) end
local co = coroutine.wrap(function() local a <close> = new("a") coroutine.yield(1) return 2 end)
print(co()) print(co())
local co = coroutine.create(function() local a <close> = new("a") local b <close> = new("b") coroutine.yield() end)
coroutine.resume(co)
print(coroutine.close(co), coroutine.status(co))
co = coroutine.create(function() local a <close> = setmetatable({}, { __close = function() error("bad close", 0) end }) coroutine.yield() end)
coroutine.resume(co)
print(coroutine.close(co))
-- output
1
close	a	nil
2
close	b	nil
close	a	nil
true	dead
false	bad close

-- lua nested scopes with closures
local function new(n, f) return setmetatable({ n = n }, { __close = function(self) print("close", self.n, f()) end }) end
do
  local count = 0
  local a <close> = new("a", function() return count end)
  do local b <close> = new("b", function() count = count + 1 return count end) end
  count = count + 10
end
-- output
close	b	1
close	a	11

-- lua closing on every exit from a function
local function c(n) return setmetatable({}, { __close = function(_, e) io.write(n, ":", tostring(e), " ") end }) end
local function f(how)
  local a <close> = c "a"
  if how == "return" then return "r" end
  if how == "error" then error("e", 0) end
  if how == "tail" then return tostring("t") end
  do local b <close> = c "b" if how == "inner" then return "i" end end
  io.write("end ")
end
for _, how in ipairs { "return", "error", "tail", "inner", "none" } do print(pcall(f, how)) end
-- output
a:nil true	r
a:e false	e
a:nil true	t
b:nil a:nil true	i
b:nil end a:nil true

-- lua closing on break, goto and continue
local function c(n) return setmetatable({}, { __close = function() io.write("-", n, " ") end }) end
for i = 1, 4 do
  local x <close> = c(i)
  if i == 2 then goto continue end
  if i == 4 then break end
  io.write(i, " ")
  ::continue::
end
print()
do local x <close> = c "x" goto out end
::out:: print("out")
-- output
1 -1 -2 3 -3 -4 
-x out

-- lua closing on a backward goto
local function c(n) return setmetatable({}, { __close = function() io.write("-", n, " ") end }) end
local i = 0
::again::
do
  local x <close> = c(i)
  i = i + 1
  if i < 3 then goto again end
end
print(i)
-- output
-0 -1 -2 3

-- lua several variables to be closed in one scope, in reverse
local function c(n) return setmetatable({}, { __close = function() io.write("-", n, " ") end }) end
do local a <close> = c(1) local b <close> = c(2) local x = 5 local d <close> = c(3) io.write("body ") end
print()
-- output
body -3 -2 -1 

-- lua a variable declared but never assigned closes nothing
do local a <close> local b <close> = nil local d <close> = false end
print("ok")
-- output
ok

-- lua the value must have __close when it is assigned
print(pcall(function() local x <close> = {} end))
print(pcall(function() local x <close> = 5 end))
print(pcall(function() local abc <close> = "text" end))
print(pcall(function() local x <close> = setmetatable({}, {}) end))
print(pcall(function() local x <close> = true end))
-- output
false	test:1: variable 'x' got a non-closable value
false	test:2: variable 'x' got a non-closable value
false	test:3: variable 'abc' got a non-closable value
false	test:4: variable 'x' got a non-closable value
false	test:5: variable 'x' got a non-closable value

-- lua an error replaced by the one of closing, which outer closings see
local function c(n, fails) return setmetatable({}, { __close = function(_, e) io.write(n, "(", tostring(e), ") ") if fails then error(n .. " failed", 0) end end }) end
print(pcall(function()
  local a <close> = c "a"
  local b <close> = c("b", true)
  local d <close> = c "d"
  local e <close> = c("e", true)
  error("first", 0)
end))
print(pcall(function() local a <close> = c "a" local b <close> = c("b", true) return "value" end))
-- output
e(first) d(e failed) b(e failed) a(b failed) false	b failed
b(nil) a(b failed) false	b failed

-- lua closing in a loop left by an error
local n = 0
local function c() return setmetatable({}, { __close = function() n = n + 1 end }) end
print(pcall(function() for i = 1, 5 do local x <close> = c() if i == 3 then error("stop", 0) end end end), n)
-- output
false	3

-- lua values returned before closing
local x = "before"
local function f() local c <close> = setmetatable({}, { __close = function() x = "after" end }) return x, x .. "!" end
print(f()) print(x)
-- output
before	before!
after

-- lua many results through a scope to be closed
local function c() return setmetatable({}, { __close = function() end }) end
local function f(...) local x <close> = c() return ... end
print(f(1, 2, 3)) print(select("#", f())) print(select("#", f(nil, nil)))
local function g() local x <close> = c() return f(4, 5) end
print(g())
-- output
1	2	3
0
2
4	5

-- lua the closing method gets the value and the error
local seen
local v = setmetatable({}, { __close = function(...) seen = { ... } end })
do local x <close> = v end print(seen[1] == v, seen[2])
pcall(function() local x <close> = v error({ code = 1 }) end) print(seen[1] == v, seen[2].code)
-- output
true	nil
true	1

-- lua results of the closing method are dropped
local function f() local x <close> = setmetatable({}, { __close = function() return "ignored" end }) return "kept" end
print(f())
-- output
kept

-- lua closing in a coroutine that ends and is closed
local function c(n) return setmetatable({}, { __close = function(_, e) io.write(n, ":", tostring(e), " ") end }) end
local function body(how) local x <close> = c "x" coroutine.yield("y") if how == "fail" then error("bad", 0) end return "end" end
local co = coroutine.create(body) print(coroutine.resume(co)) print(coroutine.resume(co))
co = coroutine.create(body) print(coroutine.resume(co)) print(coroutine.close(co), coroutine.status(co))
-- output
true	y
x:nil true	end
true	y
x:nil true	dead

-- lua closing nested scopes of a suspended coroutine
local function c(n) return setmetatable({}, { __close = function(_, e) io.write(n, ":", tostring(e), " ") end }) end
local function inner() local b <close> = c "b" for i in function() return 1 end, nil, nil, c "iter" do coroutine.yield() end end
local co = coroutine.create(function() local a <close> = c "a" pcall(function() local p <close> = c "p" inner() end) end)
coroutine.resume(co)
print(coroutine.close(co))
-- output
iter:nil b:nil p:nil a:nil true

-- lua an error while a coroutine is closed
local co = coroutine.create(function()
  local a <close> = setmetatable({}, { __close = function(_, e) io.write("a:", tostring(e), " ") end })
  local b <close> = setmetatable({}, { __close = function() error("closing", 0) end })
  coroutine.yield()
end)
coroutine.resume(co)
print(coroutine.close(co)) print(coroutine.status(co)) print(coroutine.close(co))
-- output
a:closing false	closing
dead
true

-- lua the closing value of a generic for
local function c(n) return setmetatable({}, { __close = function(_, e) io.write("-", n, ":", tostring(e), " ") end }) end
local function iter(max) return function(_, i) if i < max then return i + 1 end end, nil, 0, c "it" end
for i in iter(2) do io.write(i, " ") end print()
for i in iter(9) do if i == 2 then break end io.write(i, " ") end print()
print(pcall(function() for i in iter(9) do error("e" .. i, 0) end end))
print((function() for i in iter(9) do if i == 3 then return i end end end)())
for i in iter(9) do goto done end ::done:: print()
for i in iter(0) do end print()
-- output
1 2 -it:nil 
1 -it:nil 
-it:e1 false	e1
-it:nil 3
-it:nil 
-it:nil 

-- lua the closing value of a generic for is checked
print(pcall(function() for k in function() end, nil, nil, 5 do end end))
for k in function() end, nil, nil, false do end
for k in function() end, nil, nil, nil do end
print("ok")
-- output
false	test:1: variable '(for state)' got a non-closable value
ok

-- lua the variable of a closing iterator is closed after inner ones
local function c(n) return setmetatable({}, { __close = function() io.write("-", n, " ") end }) end
for i in function(_, i) if (i or 0) < 2 then return (i or 0) + 1 end end, nil, nil, c "iter" do local x <close> = c("x" .. i) end
print()
-- output
-x1 -x2 -iter 

-- lua a variable to be closed may be captured
local get
do local x <close> = setmetatable({ n = 1 }, { __close = function(self) self.n = 2 end }) get = function() return x.n end print(get()) end
print(get())
-- output
1
2

-- lua closing inside closing
local function c(n, f) return setmetatable({}, { __close = function() io.write("<", n, " ") if f then f() end io.write(n, "> ") end }) end
do local a <close> = c("a", function() local b <close> = c("b", function() local d <close> = c "d" end) end) end
print()
-- output
<a <b <d d> b> a> 

-- lua closing and pcall inside closing
local function c(f) return setmetatable({}, { __close = f }) end
print(pcall(function() local x <close> = c(function(_, e) print(pcall(error, "inner", 0)) print(e) end) error("outer", 0) end))
-- output
false	inner
outer
false	outer

-- lua attributes of variables to be closed
print(load("local x <close> = nil; x = 1"))
print(load("local x <close> = nil; local function f() x = 1 end"))
print(load("local a <close>, b <close> = nil"))
print(load("local a <const>, b <close> = 1, nil") ~= nil)
-- output
nil	[string "local x <close> = nil; x = 1"]:1: attempt to assign to const variable 'x'
nil	[string "local x <close> = nil; local function f() x =..."]:1: attempt to assign to const variable 'x'
nil	[string "local a <close>, b <close> = nil"]:1: multiple to-be-closed variables in local list
true

-- lua an attribute close for the whole list (kernel)
print(load("local <close> a = nil") ~= nil)
print(load("local <close> a, b = nil"))
print(load("local <const> a, b <close> = 1, nil") ~= nil)
-- output
true
nil	[string "local <close> a, b = nil"]:1: multiple to-be-closed variables in local list
true

-- lua a coroutine is closed inside xpcall: its handler is not for errors of closing methods (kernel)
local function fails(text) return setmetatable({}, { __close = function(_, e) print("closing", e) error(text, 0) end }) end
local function handler(m) print("handler", m) return { m } end
local function close(f) local co = coroutine.create(f) coroutine.resume(co) print(coroutine.close(co)) end
close(function() local x <close> = fails("outside") xpcall(coroutine.yield, handler) end)
close(function() xpcall(function() local x <close> = fails("inside") coroutine.yield() end, handler) end)
-- output
closing	nil
false	outside
closing	nil
false	inside
