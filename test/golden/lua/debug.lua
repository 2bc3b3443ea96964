-- lua getmetatable and setmetatable look past __metatable
local mt = { __metatable = "hidden" } local t = setmetatable({}, mt)
print(debug.getmetatable(t) == mt, getmetatable(t), debug.setmetatable(t, nil) == t, getmetatable(t))
-- output
true	hidden	true	nil

-- lua traceback of a message
print((debug.traceback("msg"):match("^msg\nstack traceback:\n")) ~= nil, debug.traceback(nil) ~= nil, debug.traceback({}) ~= nil, type(debug.traceback({ 1 })), debug.traceback(5):match("^5\n") ~= nil)
-- output
true	true	true	table	true

-- lua currentline
local function f() return debug.getinfo(1, "l").currentline end
print(f(),
  debug.getinfo(1, "l").currentline)
-- output
1	3

-- lua getinfo of functions
print(debug.getinfo(print).what, debug.getinfo(print, "S").short_src, debug.getinfo(1000), debug.getinfo(print).func == print)
-- output
C	[C]	nil	true

-- lua getinfo with wrong arguments
print(pcall(debug.getinfo, "x")) print(pcall(debug.getinfo))
-- output
false	bad argument #1 to 'debug.getinfo' (number expected, got string)
false	bad argument #1 to 'debug.getinfo' (number expected, got no value)

-- lua the registry and hooks
print(type(debug.getregistry()), debug.gethook())
-- output
table	nil

-- lua what the library holds (kernel)
local names = {} for k in pairs(debug) do names[#names + 1] = k end table.sort(names) print(table.concat(names, " "))
-- output
gethook getinfo getlocal getmetatable getregistry getupvalue getuservalue sethook setlocal setmetatable setupvalue setuservalue traceback upvalueid upvaluejoin

-- lua names of functions in a traceback
local function show(text) print((text:gsub("main chunk.*", "main chunk"))) end
local function inner(x) show(debug.traceback("msg")) return x end
function outer() local x = inner(1) return x end
local t = {} function t:method() local x = outer() return x end function t.field() local x = t:method() return x end
t.field()
pcall(function() show(debug.traceback("in pcall")) end)
-- output
msg
stack traceback:
	test:2: in upvalue 'inner'
	test:3: in function 'outer'
	test:4: in method 'method'
	test:4: in field 'field'
	test:5: in main chunk
in pcall
stack traceback:
	test:6: in function <test:6>
	[C]: in function 'pcall'
	test:6: in main chunk

-- lua a handler sees where the error was raised
local function print(text) io.write((tostring(text):gsub("main chunk.*", "main chunk")), "\n") end
local function f(x) local y = x.z return y end
print(select(2, xpcall(function() local r = f(nil) return r end, debug.traceback)))
print(select(2, xpcall(function() error("boom") end, function(m) return debug.traceback(m, 1) end)))
print(select(2, xpcall(function() string.rep() end, debug.traceback)))
print(select(2, xpcall(function() local x = nil + 1 end, function() return debug.getinfo(2, "l").currentline end)))
-- output
test:2: attempt to index a nil value (local 'x')
stack traceback:
	test:2: in upvalue 'f'
	test:3: in function <test:3>
	[C]: in function 'xpcall'
	test:3: in main chunk
test:4: boom
stack traceback:
	test:4: in function <test:4>
	[C]: in function 'error'
	test:4: in function <test:4>
	[C]: in function 'xpcall'
	test:4: in main chunk
test:5: bad argument #1 to 'rep' (string expected, got no value)
stack traceback:
	[C]: in function 'string.rep'
	test:5: in function <test:5>
	[C]: in function 'xpcall'
	test:5: in main chunk
6

-- lua a handler inside a coroutine sees where the error was raised
coroutine.wrap(function()
  print(select(2, xpcall(function() coroutine.yield() error("boom") end, debug.traceback)))
end)()
local c = coroutine.wrap(function()
  print(select(2, xpcall(function() coroutine.yield()
    error("boom") end, debug.traceback)))
end)
c() c()
-- output
test:6: boom
stack traceback:
	[C]: in function 'error'
	test:6: in function <test:5>
	[C]: in function 'xpcall'
	test:5: in function <test:4>

-- lua levels of a traceback
local function f(level) return (debug.traceback("m", level)) end
coroutine.wrap(function() print(f(0)) print(f(1)) print(f(2)) print(f(3)) print(f(9)) end)()
-- output
m
stack traceback:
	[C]: in function 'debug.traceback'
	test:1: in upvalue 'f'
	test:2: in function <test:2>
m
stack traceback:
	test:1: in upvalue 'f'
	test:2: in function <test:2>
m
stack traceback:
	test:2: in function <test:2>
m
stack traceback:
m
stack traceback:

-- lua the middle of a deep stack is left out
local function r(n) if n == 0 then print((debug.traceback("deep"))) else r(n - 1) end return 1 end
coroutine.wrap(function() r(30) r(18) r(19) r(20) end)()
-- output
deep
stack traceback:
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	...	(skipping 10 levels)
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:2: in function <test:2>
deep
stack traceback:
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:2: in function <test:2>
deep
stack traceback:
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:2: in function <test:2>
deep
stack traceback:
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:1: in upvalue 'r'
	test:2: in function <test:2>

-- lua tracebacks of coroutines
local function deep() coroutine.yield() return 1 end
local c = coroutine.create(function() deep() error("x") end)
print(debug.traceback(c)) coroutine.resume(c)
print(debug.traceback(c)) print(debug.traceback(c, "message")) print(debug.traceback(c, nil, 1)) print(debug.traceback(c, "m", 2))
coroutine.wrap(function() print(debug.traceback("inside")) end)()
-- output
stack traceback:
stack traceback:
	[C]: in function 'coroutine.yield'
	test:1: in upvalue 'deep'
	test:2: in function <test:2>
message
stack traceback:
	[C]: in function 'coroutine.yield'
	test:1: in upvalue 'deep'
	test:2: in function <test:2>
stack traceback:
	test:1: in upvalue 'deep'
	test:2: in function <test:2>
m
stack traceback:
	test:2: in function <test:2>
inside
stack traceback:
	test:5: in function <test:5>

-- lua what getinfo says of functions and levels
local function f(a, b, ...)
  local i = debug.getinfo(1)
  print(i.currentline, i.linedefined, i.lastlinedefined, i.what, i.nparams, i.isvararg, i.name, i.namewhat, i.istailcall)
  local main = debug.getinfo(2, "Sl")
  print(main.what, main.linedefined, main.lastlinedefined, main.currentline, main.name)
end
f(1)
local t = { g = f } t.g() function t:m() local i = debug.getinfo(1, "n") print(i.name, i.namewhat) end t:m()
local i = debug.getinfo(f) print(i.linedefined, i.lastlinedefined, i.what, i.nparams, i.isvararg, i.func == f, i.currentline, i.name)
print(debug.getinfo(1, "S").what, debug.getinfo(0, "n").name, debug.getinfo(0, "S").what)
-- output
2	1	6	Lua	2	true	f	local	false
main	0	0	7	nil
2	1	6	Lua	2	true	g	field	false
main	0	0	8	nil
m	method
1	6	Lua	2	true	true	-1	nil
main	getinfo	C

-- lua active lines
local function f(x)
  local y = x

  if y then
    return 1
  end
end
local lines = {} for line in pairs(debug.getinfo(f, "L").activelines) do lines[#lines + 1] = line end
table.sort(lines) print(lines[1], lines[#lines])
-- output
2	7

-- lua options of getinfo
print(pcall(debug.getinfo, 1, "X")) print(pcall(debug.getinfo, print, ">S"))
local i = debug.getinfo(1, "l") print(i.currentline, i.what, i.func)
-- output
false	bad argument #2 to 'debug.getinfo' (invalid option)
false	bad argument #2 to 'debug.getinfo' (invalid option '>')
2	nil	nil

-- lua upvalues
local a, b, big = 1, { "b" }, 1 << 62
local function f() a = a + 1 big = big ~ a return b end
print(debug.getupvalue(f, 1)) print(debug.getupvalue(f, 2)) print(select(2, debug.getupvalue(f, 3))[1]) print(debug.getupvalue(f, 4))
print(debug.setupvalue(f, 1, 41), debug.setupvalue(f, 9, 1)) f() print(a)
print(debug.setupvalue(f, 2, 5)) f() print(big)
local function g() a = 0 return b end
print(debug.upvalueid(f, 1) == debug.upvalueid(g, 1), debug.upvalueid(f, 1) == debug.upvalueid(f, 2), debug.getupvalue(print, 1))
-- output
a	1
big	4611686018427387904
b

a
42
big
46
true	false

-- lua names of parameters
local function f(p, q) end
print(debug.getlocal(f, 1), debug.getlocal(f, 2), debug.getlocal(f, 3), debug.getlocal(print, 1)) print(pcall(debug.getlocal, 100, 1))
-- output
p	q	nil	nil
false	bad argument #1 to 'debug.getlocal' (level out of range)

-- lua an upvalue that no function assigns is a copy (kernel)
local a = 1 local function f() return a end
print(debug.getupvalue(f, 1)) print(pcall(debug.setupvalue, f, 1, 2)) print(pcall(debug.upvaluejoin, f, 1, f, 1))
-- output
a	1
false	cannot set upvalue 'a', which no function assigns
false	upvalues cannot be joined
