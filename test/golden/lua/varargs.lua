-- lua the number of extra arguments
local function n(...) return select("#", ...) end
print(n(), n(nil), n(nil, nil), n(1, nil), n((n())), n(n(), n()), n(table.unpack({}, 1, 5)))
-- output
0	1	2	2	1	2	5

-- lua select from the front and from the back
print(select(1, "a", "b", "c")) print(select(3, "a", "b", "c")) print(select(4, "a", "b", "c")) print(select(-1, "a", "b", "c")) print(select(-3, "a", "b", "c")) print((select(2, "a", "b", "c")))
-- output
a	b	c
c

c
a	b	c
b

-- lua select outside the range
print(pcall(function() select(0, 1) end))
print(pcall(function() select(-2, 1) end))
print(pcall(function() select("x", 1) end))
print(pcall(function() select() end))
print(select(math.maxinteger, 1), pcall(function() select(math.mininteger, 1) end))
-- output
false	test:1: bad argument #1 to 'select' (index out of range)
false	test:2: bad argument #1 to 'select' (index out of range)
false	test:3: bad argument #1 to 'select' (number expected, got string)
false	test:4: bad argument #1 to 'select' (number expected, got no value)
nil	false	test:5: bad argument #1 to 'select' (index out of range)

-- lua select takes a string that holds an integer
print(select("2", "a", "b"), select("-1", "a", "b"))
-- output
b	b

-- lua varargs cut to one value in parentheses and in the middle
local function f(...) return ... end
print((f(1, 2, 3))) print(f(1, 2), f(3, 4)) print({ f(1, 2), f(3, 4) }[3] == nil or #{ f(1, 2), f(3, 4) })
-- output
-- error
test:2: ')' expected near '['

-- lua varargs in a constructor
local function f(...) local t = { ..., "end" } local u = { "start", ... } return #t, #u, t[1], t[2], u[2] end
print(f(1, 2, 3)) print(f())
-- output
2	4	1	end	1
2	1	nil	end	nil

-- lua varargs in a constructor with keys
local function f(...) local t = { x = ..., [10] = ..., ... } return t.x, t[10], t[1], t[2] end
print(f("a", "b"))
-- output
a	a	a	b

-- lua varargs passed on
local function count(...) return select("#", ...) end
local function pass(...) return count(...), count(..., 1), count((...)) end
print(pass()) print(pass(nil, nil)) print(pass(1, 2, 3))
-- output
0	2	1
2	2	1
3	2	1

-- lua varargs assigned to locals
local function f(...) local a, b, c = ... return a, b, c end
print(f(1)) print(f(1, 2, 3, 4)) print(f())
local function g(...) local a, b = 0, ... return a, b end
print(g(1, 2))
-- output
1	nil	nil
1	2	3
nil	nil	nil
0	1

-- lua varargs of the main chunk
print(select("#", ...), ...)
print(load("return select('#', ...), ...")(7, nil))
-- output
0
2	7	nil

-- lua varargs of an outer function are not visible
print(load("local function f(...) return function() return ... end end"))
print(load("return function() return ... end"))
-- output
nil	[string "local function f(...) return function() retur..."]:1: cannot use '...' outside a vararg function near '...'
nil	[string "return function() return ... end"]:1: cannot use '...' outside a vararg function near '...'

-- lua varargs in a condition and as operands
local function f(...) if ... then return "yes" end return ... == nil end
print(f(), f(false), f(1)) print((function(...) return ... + 1 end)(5, 6), (function(...) return #... end)("abc"), (function(...) return -... end)(3))
-- output
true	false	yes
6	3	-3

-- lua varargs as the bounds of a loop
local function f(...) local s = 0 for i = ... , 3 do s = s + i end return s end
print(f(1), f(3), f(4))
-- output
6	3	0

-- lua varargs as an iterator
local function f(...) local s = "" for k, v in ... do s = s .. k .. v end return s end
print(f(ipairs { "a", "b" }))
-- output
1a2b

-- lua varargs after fixed parameters
local function f(a, b, ...) return a, b, select("#", ...), ... end
print(f()) print(f(1)) print(f(1, 2)) print(f(1, 2, nil)) print(f(1, 2, 3, 4))
-- output
nil	nil	0
1	nil	0
1	2	0
1	2	1	nil
1	2	2	3	4

-- lua fixed parameters may change, varargs do not
local function f(a, ...) a = 5 local b = ... b = 6 return a, ... end
print(f(1, 2, 3))
-- output
5	2	3

-- lua a closure inside keeps locals, not varargs
local function f(...) local a, n = ..., select("#", ...) return function() return a, n end end
print(f(1, 2)()) print(f()())
-- output
1	2
nil	0

-- lua many arguments
local function f(...) return select("#", ...), (select(-1, ...)) end
print(f(table.unpack({}, 1, 150))) print(f(1, table.unpack({ 1, 2, 3 })))
-- output
150	nil
4	3

-- lua results of results
local function two() return 1, 2 end
local function none() end
print(two(), none(), two()) print(none(), (none())) print((two()), (none())) print(#{ none() }, #{ two(), none() }, #{ none(), two() })
-- output
1	nil	1	2
nil	nil
1	nil
0	1	3

-- lua varargs through pcall and coroutines
print(pcall(select, "#", nil, nil)) print(pcall(function(...) return ... end, 1, nil, nil))
local co = coroutine.wrap(function(...) local n = select("#", ...) while true do n = select("#", coroutine.yield(n)) end end)
print(co(1, nil), co(), co(nil, nil, nil))
-- output
true	2
true	1	nil	nil
2	0	3

-- lua varargs in a tail call
local function last(...) local n = select("#", ...) if n <= 1 then return ... end return last(select(2, ...)) end
print(last(1, 2, 3, 4, 5), last(nil), select("#", last()))
-- output
5	nil	0

-- lua named varargs are a table with n (kernel)
local function f(a, ...rest) return a, rest.n, #rest, rest[1], rest[2] end
print(f()) print(f(1)) print(f(1, 2, 3)) print(f(1, nil, 3))
-- output
nil	0	0	nil	nil
1	0	0	nil	nil
1	2	2	2	3
1	2	2	nil	3

-- lua named varargs cannot be assigned (kernel)
print(load("local function f(...t) t = {} end"))
print(load("local function f(...t) local function g() t = 1 end end"))
print(load("local function f(...t) t.x = 1 end") ~= nil)
-- output
nil	[string "local function f(...t) t = {} end"]:1: attempt to assign to const variable 't'
nil	[string "local function f(...t) local function g() t =..."]:1: attempt to assign to const variable 't'
true

-- lua named varargs in an inner function (kernel)
local function f(...t) return function() return t.n, t[1] end end
print(f("x", "y")())
-- output
2	x

-- lua named varargs passed on as a table (kernel)
local function g(t) t[1] = "changed" return t end
local function f(...t) local u = g(t) return u == t, t[1], t.n end
print(f(1, 2))
-- output
true	changed	2

-- lua named varargs in messages (kernel)
print(pcall(function(...t) t.x.y = 1 end))
print(pcall(function(...t) t() end))
-- output
false	test:1: attempt to index a nil value (field 'x')
false	test:2: attempt to call a table value (local 't')

-- lua select of extra arguments one by one, in loops and in parentheses
local function each(...)
  local text = ""
  for i = 1, select("#", ...) do text = text .. tostring((select(i, ...))) .. "," end
  return text
end
print(each(), each(nil), each(1, nil, "x", nil))
local function at(i, ...) local value = select(i, ...) return value end
print(at(1), at(3, "a", "b"), at(2, "a", nil, "c"), at("2", "a", "b"), at(-1, "a", "b"), at("#", "a", "b"))
for _, i in ipairs({ 0, -3, "x" }) do print(pcall(at, i, "a", "b")) end
do
  local select = function(i, ...) return "own", i, ... end
  local function own(...) local value = select("#", ...) return value, (select(1, ...)) end
  print(own("a", "b"))
end
-- output
	nil,	1,nil,x,nil,
nil	nil	nil	b	b	2
false	test:7: bad argument #1 to 'select' (index out of range)
false	test:7: bad argument #1 to 'select' (index out of range)
false	test:7: bad argument #1 to 'select' (number expected, got string)
own	own

-- lua calls with two, three and more results of a last call
local function give(n) local t = {} for i = 1, n do t[i] = i end return table.unpack(t, 1, n) end
local function count(...) return select("#", ...), ... end
for n = 0, 5 do print(count(give(n))) print(count("a", give(n))) print((count(give(n)))) end
local function tail(n) return count("t", give(n)) end
for n = 0, 4 do print(tail(n)) end
print(count(nil, give(2)), math.max(give(3)), ("x"):rep(give(2)), string.format("%d-%d-%d", give(3)))
-- output
0
1	a
0
1	1
2	a	1
1
2	1	2
3	a	1	2
2
3	1	2	3
4	a	1	2	3
3
4	1	2	3	4
5	a	1	2	3	4
4
5	1	2	3	4	5
6	a	1	2	3	4	5
5
1	t
2	t	1
3	t	1	2
4	t	1	2	3
5	t	1	2	3	4
3	3	x	1-2-3
