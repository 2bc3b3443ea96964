-- lua error values
print(pcall(error, "text")) print(pcall(error, { 1 }) == false, type(select(2, pcall(error, {}))))
print(pcall(error, 42)) print(pcall(error, true))
local e = setmetatable({}, { __tostring = function() return "object" end })
print(select(2, pcall(error, e)) == e)
-- output
false	text
true	table
false	42
false	true
true

-- lua an error of nil is a text (kernel)
print(pcall(error)) print(pcall(error, nil))
print(xpcall(error, function(m) return type(m) end, nil))
-- output
false	<no error object>
false	<no error object>
false	string

-- lua error levels
local function f() error("one") end
local function g() f() end
print(pcall(g))
local function f0() error("none", 0) end
print(pcall(f0))
local function f2() error("caller", 2) end
local function g2() f2() end
print(pcall(g2))
local function f3() error("caller's caller", 3) end
local function h3() f3() end
local function g3() local x = h3() return x end
g3 = function()
  h3()
end
print(pcall(g3))
print(pcall(error, "direct", 1))
-- output
false	test:1: one
false	none
false	test:7: caller
false	test:13: caller's caller
false	direct

-- lua the line of the failing operation
local function f(t)
  local a = 1

  local b = a +
    t.x.y
  return b
end
print(pcall(f, {}))
print(pcall(function()
  local x = {}
  print(x
    .a
    .b)
end))
print(pcall(function()
  undefinedfunction(
    1,
    2
  )
end))
print(pcall(function()
  local s = "a" ..
    "b" ..
    {}
end))
-- output
false	test:5: attempt to index a nil value (field 'x')
false	test:13: attempt to index a nil value (field 'a')
false	test:16: attempt to call a nil value (global 'undefinedfunction')
false	test:23: attempt to concatenate a table value

-- lua pcall and nesting
print(pcall(pcall, error, "e"))
print(pcall(function() return pcall(error, "inner") end))
print(pcall(function() local ok, e = pcall(error, "inner", 0) error("outer:" .. e, 0) end))
print(select("#", pcall(function() end)), pcall(function() return 1, nil, 3 end))
print(pcall(pcall)) print(pcall())
-- output
true	false	e
true	false	inner
false	outer:inner
1	true	1	nil	3
false	bad argument #1 to 'pcall' (value expected)
-- error
test:5: bad argument #1 to 'pcall' (value expected)

-- lua xpcall
print(xpcall(function() error("x", 0) end, function(m) return "handled " .. m, "dropped" end))
print(xpcall(function(...) return ... end, print, 1, 2))
print(xpcall(function() local x = nil + 1 end, function(m) return m end))
print(pcall(xpcall)) print(pcall(xpcall, print))
print(xpcall(function() error({ code = 5 }) end, function(e) return e.code end))
-- output
false	handled x
true	1	2
false	test:3: attempt to perform arithmetic on a nil value
false	bad argument #2 to 'xpcall' (function expected, got no value)
false	bad argument #2 to 'xpcall' (function expected, got no value)
false	5

-- lua an error inside the handler
print(xpcall(error, function(m) error("again") end, "x"))
local n = 0
print(xpcall(error, function(m) n = n + 1 if n < 4 then error(m .. n, 0) end return "finally " .. m end, "x"))
-- output
false	error in error handling
false	finally x123

-- lua assert
print(assert(1, 2, 3)) print(pcall(assert, false)) print(pcall(assert, nil, "text")) print(pcall(assert, false, { 1 }) == false)
print(pcall(assert)) print(select("#", assert(true)))
-- output
1	2	3
false	assertion failed!
false	text
true
false	bad argument #1 to 'assert' (value expected)
1

-- lua stack overflow is an error like any other
local function f() return 1 + f() end
local ok, e = pcall(f)
print(ok, (tostring(e):find("stack overflow")) ~= nil)
local ok, e = pcall(string.gsub, "x", "x", function() local function g() return g() .. "" end return g() end)
print(ok, (tostring(e):find("overflow")) ~= nil)
local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end
local ok, e = pcall(function() return t.x end)
print(ok, (tostring(e):find("overflow")) ~= nil)
print(pcall(function() return "still works" end))
-- output
false	true
false	true
false	true
true	still works

-- lua bad arguments
print(pcall(ipairs)) print(pcall(setmetatable, 1)) print(pcall(string.rep)) print(pcall(string.rep, "x", {}))
print(pcall(("x").rep, "x", "y")) print(pcall(select, 0)) print(pcall(tostring)) print(pcall(rawlen, 5)) print(pcall(rawget, 1))
print(pcall(function() string.rep() end)) print(pcall(function() ("x"):rep({}) end)) print(pcall(math.max))
-- output
false	bad argument #1 to 'ipairs' (value expected)
false	bad argument #1 to 'setmetatable' (table expected, got number)
false	bad argument #1 to 'string.rep' (string expected, got no value)
false	bad argument #2 to 'string.rep' (number expected, got table)
false	bad argument #2 to 'string.rep' (number expected, got string)
false	bad argument #1 to 'select' (index out of range)
false	bad argument #1 to 'tostring' (value expected)
false	bad argument #1 to 'rawlen' (table or string expected, got number)
false	bad argument #1 to 'rawget' (table expected, got number)
false	test:3: bad argument #1 to 'rep' (string expected, got no value)
false	test:3: bad argument #1 to 'rep' (number expected, got table)
false	bad argument #1 to 'math.max' (value expected)

-- lua names in messages about arithmetic
local t, s = {}, "x"
print(pcall(function() local a, b = 1; return a + b end))
print(pcall(function() local a, b = 1; return b + a end))
print(pcall(function() return t.x + 1 end))
print(pcall(function() return 1 + t.x end))
print(pcall(function() return t + 1 end))
print(pcall(function() return nosuch - 1 end))
print(pcall(function() return t.a.b.c end))
print(pcall(function() return s.x.y end))
print(pcall(function() return t.f(1) end))
print(pcall(function() return t:f(1) end))
print(pcall(function() return (1 + 2)() end))
print(pcall(function() t.x.y = 1 end))
print(pcall(function() nosuch.y = 1 end))
print(pcall(function() local a = {} ; a.b.c.d = 1 end))
print(pcall(function() return -{} end))
print(pcall(function() return t.x .. "s" end))
print(pcall(function() return "s" .. t.x end))
print(pcall(function() return s < t end))
print(pcall(function() return 2 < s end))
print(pcall(function() return #nosuch end))
print(pcall(function() return nosuch() end))
-- output
false	test:2: attempt to perform arithmetic on a nil value (local 'b')
false	test:3: attempt to perform arithmetic on a nil value (local 'b')
false	test:4: attempt to perform arithmetic on a nil value (field 'x')
false	test:5: attempt to perform arithmetic on a nil value (field 'x')
false	test:6: attempt to perform arithmetic on a table value (upvalue 't')
false	test:7: attempt to perform arithmetic on a nil value (global 'nosuch')
false	test:8: attempt to index a nil value (field 'a')
false	test:9: attempt to index a nil value (field 'x')
false	test:10: attempt to call a nil value (field 'f')
false	test:11: attempt to call a nil value (method 'f')
false	test:12: attempt to call a number value
false	test:13: attempt to index a nil value (field 'x')
false	test:14: attempt to index a nil value (global 'nosuch')
false	test:15: attempt to index a nil value (field 'b')
false	test:16: attempt to perform arithmetic on a table value
false	test:17: attempt to concatenate a nil value (field 'x')
false	test:18: attempt to concatenate a nil value (field 'x')
false	test:19: attempt to compare string with table
false	test:20: attempt to compare number with string
false	test:21: attempt to get length of a nil value (global 'nosuch')
false	test:22: attempt to call a nil value (global 'nosuch')

-- lua numbers out of every bound in messages
print(pcall(function() return 1 < "2" end))
print(pcall(function() return math.maxinteger < {} end))
print(pcall(function() return math.maxinteger.x end))
print(pcall(function() local big = 1 << 62; big() end))
-- output
false	test:1: attempt to compare number with string
false	test:2: attempt to compare number with table
false	test:3: attempt to index a number value (field 'maxinteger')
false	test:4: attempt to call a number value (local 'big')

-- lua errors pass through native functions
print(pcall(table.sort, { 3, 2, 1 }, function() error("in sort", 0) end))
print(pcall(string.gsub, "abc", "b", function() error("in gsub", 0) end))
print(pcall(function() for k in function() error("in iterator", 0) end do end end))
print(pcall(load, function() error("in reader", 0) end))
-- output
false	in sort
false	in gsub
false	in iterator
true	nil	in reader

-- lua errors with positions of loaded chunks
print(pcall(load("error('x')", "=name")))
print(pcall(load("error('x')", "@file.lua")))
print(pcall(load("error('x')")))
print(pcall(load("\n\nerror('x')", "first line\nsecond")))
print(pcall(load("local a\nreturn a.b", "=" .. ("n"):rep(80))))
print(pcall(load("error('x')", "@" .. ("d/"):rep(50) .. "f.lua")))
print(pcall(load("error('x')", ("return 1 "):rep(20))))
-- output
false	name:1: x
false	file.lua:1: x
false	[string "error('x')"]:1: x
false	[string "first line..."]:3: x
false	nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn:2: attempt to index a nil value (local 'a')
false	.../d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/f.lua:1: x
false	[string "return 1 return 1 return 1 return 1 return 1 ..."]:1: x

-- lua tracebacks name the lines
local function f() return (debug.traceback("message")) end
local text = f()
print(text:match("^message\nstack traceback:\n\t") ~= nil, text:find("test:1:") ~= nil, text:find("test:2:") ~= nil)
print(debug.traceback({}) ~= nil, debug.traceback(nil) ~= nil, debug.traceback(12):match("^12\n") ~= nil)
print(type(debug.getinfo(1)), debug.getinfo(1, "l").currentline, debug.getinfo(1, "S").short_src)
-- output
true	true	true
true	true	true
table	5	test

-- lua error in a coroutine keeps its position
local co = coroutine.create(function()
  local x
  x.y = 1
end)
print(coroutine.resume(co))
print(coroutine.status(co))
-- output
false	test:3: attempt to index a nil value (local 'x')
dead

-- lua the message of an error gets the position of its caller
print(pcall(function() error("here") end))
print(pcall(function() error("here", 1) end))
print(pcall(function() error("nowhere", 0) end))
local function check() error("caller's fault", 2) end
print(pcall(function()
  check()
end))
-- output
false	test:1: here
false	test:2: here
false	nowhere
false	test:6: caller's fault

-- lua error levels beyond the stack
print(pcall(function() error("far", 50) end))
print(pcall(error, "direct")) print(pcall(error, "direct", 2))
-- output
false	far
false	direct
false	test:2: direct

-- lua error values that are no strings get no position
print(pcall(function() error(42) end)) print(pcall(function() error(true) end)) print(select(2, pcall(function() error({ 5 }) end))[1]) print(pcall(function() error(print) end) == false)
-- output
false	42
false	true
5
true

-- lua an error value is passed through unchanged
local e = setmetatable({}, { __tostring = function() return "E" end })
local ok, got = pcall(function() local ok, e2 = pcall(error, e) error(e2) end)
print(ok, got == e, tostring(got))
-- output
false	true	E

-- lua assert raises its message as it is
print(pcall(assert, false, "msg")) print(pcall(assert, nil, { 1 }) == false) print(pcall(assert, false, 42)) print(pcall(assert, 1 == 2)) print(assert(1, "unused", 3))
-- output
false	msg
true
false	42
false	assertion failed!
1	unused	3

-- lua assert with a call
local function f() return nil, "reason" end
print(pcall(function() assert(f()) end)) print(pcall(function() return assert(f(), "other") end))
-- output
false	test:2: reason
false	test:2: other

-- lua xpcall hands over arguments
print(xpcall(function(...) return select("#", ...), ... end, print, 1, nil, 3)) print(xpcall(string.rep, print, "x", 3))
-- output
true	3	1	nil	3
true	xxx

-- lua the handler of xpcall sees the error where it happened
print(xpcall(function() local x = nil; x() end, function(m) return "H: " .. m end))
print(xpcall(function() error({ code = 7 }) end, function(e) return e.code end))
-- output
false	H: test:1: attempt to call a nil value (local 'x')
false	7

-- lua the handler of xpcall gives one result
print(xpcall(error, function() return 1, 2, 3 end)) print(xpcall(error, function() end, "x"))
-- output
false	1
false	nil

-- lua a handler that is no function
print(pcall(xpcall, error, "no function")) print(pcall(xpcall, error))
-- output
false	bad argument #2 to 'xpcall' (function expected, got string)
false	bad argument #2 to 'xpcall' (function expected, got no value)

-- lua nested handlers
print(xpcall(function() return xpcall(error, function(m) error("in handler: " .. m, 0) end, "first") end, function(m) return "outer " .. tostring(m) end))
-- output
true	false	error in error handling

-- lua pcall of what cannot be called
print(pcall(pcall)) print(pcall(setmetatable({}, { __call = function(_, x) return x end }), 5))
-- output
false	bad argument #1 to 'pcall' (value expected)
true	5

-- lua errors in every part of a loop
print(pcall(function() for i = 1, error("limit", 0) do end end)) print(pcall(function() for k in error("iterator", 0) do end end)) print(pcall(function() while error("condition", 0) do end end)) print(pcall(function() repeat until error("until", 0) end))
-- output
false	limit
false	iterator
false	condition
false	until

-- lua errors inside metamethods have their own position
local t = setmetatable({}, { __index = function(t, k) error("no field " .. k) end, __add = function() error("no sum", 2) end })
print(pcall(function() return t.x end)) print(pcall(function() return t + 1 end))
-- output
false	test:1: no field x
false	test:2: no sum

-- lua errors inside callbacks of the libraries
print(pcall(function() table.sort({ 2, 1 }, function() error("sort", 0) end) end)) print(pcall(function() ("x"):gsub("x", function() error("gsub") end) end)) print(pcall(load, function() error("reader", 0) end))
-- output
false	sort
false	test:1: gsub
true	nil	reader

-- lua the line of a call over several lines
print(pcall(function()
  local t = {}
  t.a = 1
  t
    .missing
    .field = 1
end))
print(pcall(function()
  return 1
    + 2
    + {}
end))
print(pcall(function()
  local x = "a"
    .. "b"
    .. nil
end))
-- output
false	test:6: attempt to index a nil value (field 'missing')
false	test:11: attempt to perform arithmetic on a table value
false	test:16: attempt to concatenate a nil value

-- lua the line of a call's arguments (kernel)
print(pcall(function()
  undefinedfunction
  (
    1
  )
end))
print(pcall(function()
  local s = ("x")
    :rep(2)
    :nomethod()
end))
-- output
false	test:3: attempt to call a nil value (global 'undefinedfunction')
false	test:10: attempt to call a nil value (method 'nomethod')

-- lua the line of a comparison is where it is complete
print(pcall(function()
  return 1
    <
    {}
end))
-- output
false	test:4: attempt to compare number with table

-- lua the line of an error in a constructor
print(pcall(function()
  local t = {
    1,
    x = 2,
    y = 1 + nil,
  }
end))
-- output
false	test:5: attempt to perform arithmetic on a nil value

-- lua the line of an error in a condition
print(pcall(function()
  if false then
  elseif
    nil > 1
  then
  end
end))
-- output
false	test:4: attempt to compare number with nil

-- lua the line of an error in nested functions
local function outer()
  local function inner()
    error("deep")
  end
  inner()
end
print(pcall(outer))
-- output
false	test:3: deep

-- lua lines after long strings and comments
print(pcall(function() local s = [[
two
three]] error("after long string") end))
print(pcall(function() --[[
comment
]] error("after long comment") end))
-- output
false	test:3: after long string
false	test:6: after long comment

-- lua names of locals, upvalues, globals, fields and methods
local up = nil
print(pcall(function() local a a() end)) print(pcall(function() up() end)) print(pcall(function() notdefined() end)) print(pcall(function() local t = {} t.f() end)) print(pcall(function() local t = {} t:m() end)) print(pcall(function() string.nofunction() end)) print(pcall(function() ("x"):nomethod() end))
print(pcall(function() local a return a.x end)) print(pcall(function() return up.x end)) print(pcall(function() return notdefined.x end)) print(pcall(function() local t = {} return t.f.x end)) print(pcall(function() up.x = 1 end)) print(pcall(function() notdefined.x.y = 1 end))
print(pcall(function() local a return a + 1 end)) print(pcall(function() return up * 2 end)) print(pcall(function() return 1 - notdefined end)) print(pcall(function() local t = {} return t.f // 2 end)) print(pcall(function() local a return -a end)) print(pcall(function() local a return #a end)) print(pcall(function() local a return a .. "x" end))
-- output
false	test:2: attempt to call a nil value (local 'a')
false	test:2: attempt to call a nil value (upvalue 'up')
false	test:2: attempt to call a nil value (global 'notdefined')
false	test:2: attempt to call a nil value (field 'f')
false	test:2: attempt to call a nil value (method 'm')
false	test:2: attempt to call a nil value (field 'nofunction')
false	test:2: attempt to call a nil value (method 'nomethod')
false	test:3: attempt to index a nil value (local 'a')
false	test:3: attempt to index a nil value (upvalue 'up')
false	test:3: attempt to index a nil value (global 'notdefined')
false	test:3: attempt to index a nil value (field 'f')
false	test:3: attempt to index a nil value (upvalue 'up')
false	test:3: attempt to index a nil value (global 'notdefined')
false	test:4: attempt to perform arithmetic on a nil value (local 'a')
false	test:4: attempt to perform arithmetic on a nil value (upvalue 'up')
false	test:4: attempt to perform arithmetic on a nil value (global 'notdefined')
false	test:4: attempt to perform arithmetic on a nil value (field 'f')
false	test:4: attempt to perform arithmetic on a nil value (local 'a')
false	test:4: attempt to get length of a nil value (local 'a')
false	test:4: attempt to concatenate a nil value (local 'a')

-- lua values without a name
print(pcall(function() (1)() end)) print(pcall(function() ({})() end)) print(pcall(function() (function() end)()() end)) print(pcall(function() return (nil)() end)) print(pcall(function() return ({}) + 1 end)) print(pcall(function() return (function() end) .. "x" end))
-- output
false	test:1: attempt to call a number value
false	test:1: attempt to call a table value
false	test:1: attempt to call a nil value
false	test:1: attempt to call a nil value
false	test:1: attempt to perform arithmetic on a table value
false	test:1: attempt to concatenate a function value

-- lua comparisons name types only
print(pcall(function() return 1 < "2" end)) print(pcall(function() return {} < {} end)) print(pcall(function() return nil < 1 end)) print(pcall(function() return "a" >= 1 end)) print(pcall(function() return print <= print end)) print(pcall(function() return true > false end)) print(pcall(function() return {} < print end))
-- output
false	test:1: attempt to compare number with string
false	test:1: attempt to compare two table values
false	test:1: attempt to compare nil with number
false	test:1: attempt to compare number with string
false	test:1: attempt to compare two function values
false	test:1: attempt to compare two boolean values
false	test:1: attempt to compare table with function

-- lua division by zero
print(pcall(function() return 1 // 0 end) == false) print(pcall(function() return 1 % 0 end)) print(pcall(function() local a, b = math.mininteger, 0 return a % b end))
-- output
true
false	test:1: attempt to perform 'n%0'
false	test:1: attempt to perform 'n%0'

-- lua a chunk's name in messages
print(pcall(load("error('x')", "=name"))) print(pcall(load("error('x')", "@dir/file.lua"))) print(pcall(load("error('x')", "some code"))) print(pcall(load("\nerror('x')", "line one\nline two"))) print(pcall(load("error('x')", "=" .. ("n"):rep(100)))) print(pcall(load("error('x')", "@" .. ("p"):rep(100)))) print(pcall(load("error('x')", ("c"):rep(100)))) print(pcall(load("error('x')", ""))) print(pcall(load("error('x')", "=")))
-- output
false	name:1: x
false	dir/file.lua:1: x
false	[string "some code"]:1: x
false	[string "line one..."]:2: x
false	nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn:1: x
false	...pppppppppppppppppppppppppppppppppppppppppppppppppppppppp:1: x
false	[string "ccccccccccccccccccccccccccccccccccccccccccccc..."]:1: x
false	[string ""]:1: x
false	:1: x

-- lua errors of loaded chunks
print(load("x = ", "=c")) print(load("\n\n  = 1", "=c")) print(load("x = 'abc", "@c.lua")) print(load("for", "for"))
-- output
nil	c:1: unexpected symbol near <eof>
nil	c:3: unexpected symbol near '='
nil	c.lua:1: unfinished string near <eof>
nil	[string "for"]:1: <name> expected near <eof>

-- lua errors keep their tracebacks apart
local function f() return pcall(error, "a", 0) end
print(f(), pcall(error, "b", 0)) print(select("#", pcall(error)))
-- output
false	false	b
2

-- lua an uncaught error ends the program
print("before")
error("uncaught")
-- output
before
-- error
test:2: uncaught

-- lua a deep recursion ends in an error that can be caught
local function deep(n) return 1 + deep(n + 1) end
local ok, e = pcall(deep, 1)
print(ok, (e:find("stack overflow", 1, true)) ~= nil) print(pcall(function() return "alive" end))
-- output
false	true
true	alive

-- lua mutual recursion through pcall and metamethods ends too
local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end
local ok, e = pcall(function() return t.a end) print(ok, (tostring(e):find("overflow")) ~= nil)
-- output
false	true

-- lua recursion in tostring and in sort ends too
local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end
local ok, e = pcall(tostring, t) print(ok, (tostring(e):find("overflow")) ~= nil)
-- output
false	true

-- lua a proper tail call has no limit
local function loop(n) if n == 0 then return "done" end return loop(n - 1) end
print(loop(200000))
local a, b function a(n) if n == 0 then return "even" end return b(n - 1) end function b(n) if n == 0 then return "odd" end return a(n - 1) end print(a(100001))
local o = {} function o:m(n) if n == 0 then return self == o end return self:m(n - 1) end print(o:m(50000))
-- output
done
odd
true

-- lua pcall of what is no function
print(pcall(nil)) print(pcall(5, 1)) print(pcall({})) print(pcall(setmetatable({}, { __call = 5 })))
-- output
false	attempt to call a nil value
false	attempt to call a number value
false	attempt to call a table value
false	attempt to call a number value

-- lua the result of a method call has no name
local o = { m = function() return nil end, t = function() return {} end }
print(pcall(function() return o:m().x end))
print(pcall(function() return o:m()() end))
print(pcall(function() return -o:m() end))
print(pcall(function() return o:m() .. "x" end))
print(pcall(function() return (o:t()) & o end))
print(pcall(function() return o:x() end))
-- output
false	test:2: attempt to index a nil value
false	test:3: attempt to call a nil value
false	test:4: attempt to perform arithmetic on a nil value
false	test:5: attempt to concatenate a nil value
false	test:6: attempt to perform bitwise operation on a table value
false	test:7: attempt to call a nil value (method 'x')

-- lua the errors of tail calls are the same however many came before
local t = {}
local function run(n)
  local messages, count = {}, 0
  local function note(_, e) if not messages[e] then messages[e] = true count = count + 1 print(e) end end
  for i = 1, n do
    note(pcall(function(...) return t(...) end, i))
    note(pcall(function() return math.ult(1) end))
  end
  print(count)
end
run(1000) coroutine.wrap(run)(1000)
local chain = setmetatable({}, { __call = function(self, k) if k == 0 then return "end" end return self(k - 1) end })
print(chain(100000))
-- output
test:6: attempt to call a table value (upvalue 't')
test:7: bad argument #2 to 'ult' (number expected, got no value)
2
test:6: attempt to call a table value (upvalue 't')
test:7: bad argument #2 to 'ult' (number expected, got no value)
2
end

-- lua a constant has no name, and a text that it holds is named as such
local o = { m = function() return nil end, t = function() return {} end, b = function() return true end }
print(pcall(function() local x <const> = true return x + 1 end))
print(pcall(function() local x <const> = true return x + o end))
print(pcall(function() local x <const> = true return 1 + x end))
print(pcall(function() local x <const> = nil return x.y end))
print(pcall(function() local x <const> = nil return x() end))
print(pcall(function() local x <const> = true return x .. 'a' end))
print(pcall(function() local x <const> = true return -x end))
print(pcall(function() local x <const> = "s" return x & 1 end))
print(pcall(function() local x <const> = "s" return 1 & x end))
print(pcall(function() local x <const> = "s" return x.y.z end))
print(pcall(function() local x <const> = "s" return o & x end))
print(pcall(function() local x <const> = 5 return x.y.z end))
print(pcall(function() local x <const> = 5 return x() end))
local z <const> = true
print(pcall(function() return z + 1 end))
print(pcall(function() return z .. 'x' end))
print(pcall(function() return z() end))
print(pcall(function() local k <const> = "key" return o[k].x end))
print(pcall(function() local k <const> = "key" return o[k]() end))
print(pcall(function() local k <const> = 5 return o[k]() end))
print(pcall(function() local k <const> = 500 return o[k]() end))
print(pcall(function() local k <const> = -5 return o[k]() end))
print(pcall(function() local k <const> = -5 return k() end))
print(pcall(function() local a <const>, k <const> = nil, "s" return a() end))
print(pcall(function() local a <const>, k <const> = nil, "s" return k() end))
print(pcall(function() local a <const>, k <const> = nil return k() end))
print(pcall(function() local k <const> = (nil) return k() end))
print(pcall(function() local k <const> = "s" local j <const> = k return j & 1 end))
print(pcall(function() local k <const> = o return k & 1 end))
print(pcall(function() local k = "key" return o[k]() end))
print(pcall(function() local k = "key" return o[(k)].x end))
-- output
false	test:2: attempt to perform arithmetic on a boolean value
false	test:3: attempt to perform arithmetic on a boolean value
false	test:4: attempt to perform arithmetic on a boolean value
false	test:5: attempt to index a nil value
false	test:6: attempt to call a nil value
false	test:7: attempt to concatenate a boolean value
false	test:8: attempt to perform arithmetic on a boolean value
false	test:9: attempt to perform bitwise operation on a string value (constant 's')
false	test:10: attempt to perform bitwise operation on a string value (constant 's')
false	test:11: attempt to index a nil value (field 'y')
false	test:12: attempt to perform bitwise operation on a table value (upvalue 'o')
false	test:13: attempt to index a number value
false	test:14: attempt to call a number value
false	test:16: attempt to perform arithmetic on a boolean value
false	test:17: attempt to concatenate a boolean value
false	test:18: attempt to call a boolean value
false	test:19: attempt to index a nil value (field 'key')
false	test:20: attempt to call a nil value (field 'key')
false	test:21: attempt to call a nil value (field 'integer index')
false	test:22: attempt to call a nil value (field '?')
false	test:23: attempt to call a nil value (field '?')
false	test:24: attempt to call a number value
false	test:25: attempt to call a nil value (local 'a')
false	test:26: attempt to call a string value (constant 's')
false	test:27: attempt to call a nil value (local 'k')
false	test:28: attempt to call a nil value
false	test:29: attempt to perform bitwise operation on a string value (constant 's')
false	test:30: attempt to perform bitwise operation on a table value (local 'k')
false	test:31: attempt to call a nil value (field '?')
false	test:32: attempt to index a nil value (field '?')

-- lua nil before a call that gives nothing is no missing argument
local function nothing() end
print(pcall(function() return ("%d %s"):format(nil, nothing()) end))
print(pcall(function() return string.rep("x", nil, nothing()) end))
print(pcall(function() return string.rep(nil, nothing()) end))
print(pcall(function() return math.ult(nil, nothing()) end))
print(pcall(function() return math.ult(1, nothing()) end))
print(pcall(function() return ("%d %s"):format(1, nothing()) end))
-- output
false	test:2: bad argument #1 to 'format' (number expected, got nil)
false	test:3: bad argument #2 to 'rep' (number expected, got nil)
false	test:4: bad argument #1 to 'rep' (string expected, got nil)
false	test:5: bad argument #1 to 'ult' (number expected, got nil)
false	test:6: bad argument #2 to 'ult' (number expected, got no value)
false	test:7: bad argument #2 to 'format' (no value)
