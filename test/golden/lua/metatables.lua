-- lua arithmetic events
local mt = {}
for _, e in ipairs { "add", "sub", "mul", "mod", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat" } do
  mt["__" .. e] = function(a, b) return e .. " " .. type(a) .. " " .. type(b) end
end
local t = setmetatable({}, mt)
print(t + 1, 1 - t, t * t, t % 2, -t, 7 // t)
print(t & 1, 1 | t, t ~ t, t << 1, 1 >> t, ~t, t .. "x", "x" .. t, 1 .. t)
print(pcall(function() return t < t end))
-- output
add table number	sub number table	mul table table	mod table number	unm table table	idiv number table
band table number	bor number table	bxor table table	shl table number	shr number table	bnot table table	concat table string	concat string table	concat number table
false	test:8: attempt to compare two table values

-- lua the first operand's handler wins
local a = setmetatable({}, { __add = function() return "a" end })
local b = setmetatable({}, { __add = function() return "b" end })
print(a + b, b + a, a + 1, 1 + b, ({}) == nil)
print(pcall(function() return a - b end))
-- output
a	b	a	b	false
false	test:4: attempt to perform arithmetic on a table value (upvalue 'a')

-- lua only the first result counts
local t = setmetatable({}, { __add = function() return 1, 2 end, __index = function() return 3, 4 end, __sub = function() end })
print(t + 1, t.x, t - 1)
print((select("#", t - 1)))
-- output
1	3	nil
1

-- lua comparison events
local mt = { __lt = function(a, b) return a.n < b.n end, __le = function(a, b) return a.n <= b.n end, __eq = function(a, b) return a.n == b.n end }
local function new(n) return setmetatable({ n = n }, mt) end
print(new(1) < new(2), new(2) < new(1), new(1) <= new(1), new(1) > new(2), new(2) >= new(1))
print(new(1) == new(1), new(1) ~= new(1), new(1) == new(2), new(1) == 1, rawequal(new(1), new(1)))
print(setmetatable({}, { __lt = function() return 1 end }) < 5, 5 > setmetatable({}, { __lt = function() return nil end }))
print(pcall(function() return new(1) < 5 end))
-- output
true	false	true	false	true
true	false	false	false	false
true	false
false	test:1: attempt to index a number value (local 'b')

-- lua __eq is asked for different tables only
local n = 0
local mt = { __eq = function() n = n + 1 return true end }
local a, b = setmetatable({}, mt), setmetatable({}, mt)
print(a == a, n, a == b, n, a ~= b, a == {}, n, a == 1, n)
-- output
true	0	true	1	false	true	3	false	3

-- lua __index as table and function
local base = { x = 1 }
local mid = setmetatable({ y = 2 }, { __index = base })
local top = setmetatable({ z = 3 }, { __index = mid })
print(top.x, top.y, top.z, top.w)
local f = setmetatable({}, { __index = function(t, k) return k .. "!" end })
print(f.a, f[1], rawget(f, "a"), f["b c"])
base.x = 10 print(top.x)
print(rawget(top, "x"), rawlen(top))
-- output
1	2	3	nil
a!	1!	nil	b c!
10
nil	0

-- lua __newindex as table and function
local store = {}
local t = setmetatable({ own = 1 }, { __newindex = store })
t.own = 2 t.other = 3
print(t.own, rawget(t, "other"), store.other, store.own)
local log = {}
local g = setmetatable({}, { __newindex = function(t, k, v) log[#log + 1] = k .. "=" .. tostring(v) rawset(t, k, v) end })
g.a = 1 g.a = 2 g[5] = 3 g.b = nil
print(table.concat(log, " "), g.a, g[5])
rawset(t, "raw", 1) print(rawget(t, "raw"))
-- output
2	nil	3	nil
a=1 5=3 b=nil	2	3
1

-- lua classes
local Animal = {} Animal.__index = Animal
function Animal.new(name) return setmetatable({ name = name }, Animal) end
function Animal:speak() return self.name .. " makes a noise" end
local Dog = setmetatable({}, { __index = Animal }) Dog.__index = Dog
function Dog.new(name) return setmetatable(Animal.new(name), Dog) end
function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Animal.new("cat"):speak(), Dog.new("rex"):speak())
function Animal:late() return "late " .. self.name end
print(Dog.new("rex"):late())
Animal.speak = function() return "changed" end
print(Animal.new("x"):speak(), Dog.new("y"):speak())
local d = Dog.new("z") d.speak = function() return "own" end print(d:speak()) d.speak = nil print(d:speak())
-- output
cat makes a noise	rex makes a noise: woof
late rex
changed	changed: woof
own
changed: woof

-- lua __len, __tostring, __name, __concat
print(#setmetatable({ 1, 2 }, { __len = function() return 42 end }), rawlen(setmetatable({ 1, 2 }, { __len = function() return 42 end })))
print(tostring(setmetatable({}, { __tostring = function() return "text" end })))
print((tostring(setmetatable({}, { __name = "My.Type" })):gsub("0x%x+", "ADDR")))
print(pcall(tostring, setmetatable({}, { __tostring = function() return {} end })))
print(pcall(function() return setmetatable({}, { __name = "My.Type" }) + 1 end))
print(pcall(function() return setmetatable({}, { __name = "My.Type" }) < 1 end))
print(pcall(string.rep, setmetatable({}, { __name = "My.Type" })))
-- output
42	2
text
My.Type: ADDR
false	'__tostring' must return a string
false	test:5: attempt to perform arithmetic on a My.Type value
false	test:6: attempt to compare My.Type with number
false	bad argument #1 to 'string.rep' (string expected, got My.Type)

-- lua __metatable protects
local t = setmetatable({}, { __metatable = "locked" })
print(getmetatable(t), pcall(setmetatable, t, {}))
print(getmetatable({}), getmetatable("x").__index == string, getmetatable(1), getmetatable(print))
print(pcall(setmetatable, 1, {}), pcall(setmetatable, {}, 1))
print(pcall(setmetatable, {}))
print(pcall(getmetatable))
-- output
locked	false	cannot change a protected metatable
nil	true	nil	nil
false	false	bad argument #2 to 'setmetatable' (nil or table expected, got number)
false	bad argument #2 to 'setmetatable' (nil or table expected, got no value)
false	bad argument #1 to 'getmetatable' (value expected)

-- lua indexing loops end
local t = {} setmetatable(t, { __index = t })
print(pcall(function() return t.x end))
local u = {} setmetatable(u, { __newindex = u })
print(pcall(function() u.x = 1 end))
-- output
false	test:2: '__index' chain too long; possible loop
false	test:4: '__newindex' chain too long; possible loop

-- lua handlers that fail
print(pcall(function() return setmetatable({}, { __index = function(t, k) error("no field " .. k, 2) end }).abc end))
-- output
false	test:1: no field abc

-- lua metamethods are looked up raw
local mt = setmetatable({}, { __index = { __add = function() return "inherited" end } })
print(pcall(function() return setmetatable({}, mt) + 1 end))
mt.__add = function() return "own" end
print(setmetatable({}, mt) + 1)
-- output
false	test:2: attempt to perform arithmetic on a table value
own

-- lua a metatable may change at any time
local t = setmetatable({}, { __index = { x = 1 } })
print(t.x)
setmetatable(t, { __index = { x = 2 } }) print(t.x)
getmetatable(t).__index = { x = 3 } print(t.x)
getmetatable(t).__index = nil print(t.x)
setmetatable(t, nil) print(t.x)
-- output
1
2
3
nil
nil

-- lua the string metatable can be extended
string.shout = function(s) return s:upper() .. "!" end
print(("hey"):shout(), ("x").y, #"abc")
-- output
HEY!	nil	3

-- lua proxies
local function proxy(t)
  return setmetatable({}, { __index = t, __newindex = function(_, k, v) t[k] = v end, __len = function() return #t end,
    __pairs = function() return pairs(t) end, __call = function(_, ...) return select("#", ...) end })
end
local p = proxy { 1, 2, 3 }
p[4] = 4
local n = 0 for k, v in pairs(p) do n = n + v end
print(#p, p[4], n, p(1, nil), rawlen(p))
-- output
4	4	10	2	0

-- lua comparison of mixed operands asks both
local a = setmetatable({}, { __eq = function() return true end, __lt = function(x, y) return type(x) .. type(y) end })
print(a == {}, {} == a, a < 1, 1 < a, a > "s")
-- output
true	true	true	true	true

-- lua __concat with numbers and strings
local c = setmetatable({}, { __concat = function(a, b) return (type(a) == "table" and "T" or a) .. "&" .. (type(b) == "table" and "T" or b) end })
print(c .. 1, 1 .. c, "a" .. "b" .. c, c .. "a" .. "b", c .. c)
-- output
T&1	1&T	ab&T	T&ab	T&T

-- lua every arithmetic event on both sides
local mt = {}
for _, e in ipairs { "add", "sub", "mul", "mod", "idiv", "band", "bor", "bxor", "shl", "shr" } do mt["__" .. e] = function(a, b) return e .. (type(a) == "table" and "L" or "R") end end
local t = setmetatable({}, mt)
print(t + 1, t - 1, t * 1, t % 1, t // 1, t & 1, t | 1, t ~ 1, t << 1, t >> 1)
print(1 + t, 1 - t, 1 * t, 1 % t, 1 // t, 1 & t, 1 | t, 1 ~ t, 1 << t, 1 >> t)
print(t + nil, nil + t, t + {}, {} + t, t & print, true | t)
-- output
addL	subL	mulL	modL	idivL	bandL	borL	bxorL	shlL	shrL
addR	subR	mulR	modR	idivR	bandR	borR	bxorR	shlR	shrR
addL	addR	addL	addL	bandL	borR

-- lua the slash calls __idiv (kernel)
local t = setmetatable({}, { __idiv = function() return "idiv" end, __div = function() return "div" end })
print(t / 1, 1 / t, t // 1)
print(pcall(function() return setmetatable({}, { __div = function() end }) / 1 end))
-- output
idiv	idiv	idiv
false	test:3: attempt to perform arithmetic on a table value

-- lua __eq is asked for two tables that differ
local n = 0
local mt = { __eq = function(a, b) n = n + 1 return true end }
local a, b = setmetatable({}, mt), setmetatable({}, mt)
print(a == b, a ~= b, a == a, a == 1, a == "x", a == nil, 1 == a, n)
print(a == {}, {} == a, rawequal(a, b), n)
-- output
true	false	true	false	false	false	false	2
true	true	false	4

-- lua __eq gives a boolean
local a, b = setmetatable({}, { __eq = function() return 5 end }), {}
print(a == b, a ~= b) setmetatable(a, { __eq = function() return nil end }) print(a == b, a ~= b)
-- output
true	false
false	true

-- lua __lt and __le for mixed operands
local mt = { __lt = function(a, b) return "lt" end, __le = function(a, b) return nil end }
local t = setmetatable({}, mt)
print(t < 1, 1 < t, t > 1, t <= 1, 1 >= t, t < "x", "x" > t, t < t)
-- output
true	true	true	false	false	true	true	true

-- lua __le is not derived from __lt (kernel)
local t = setmetatable({}, { __lt = function() return true end })
print(pcall(function() return t <= t end)) print(pcall(function() return t >= 1 end)) print(t < t)
-- output
false	test:2: attempt to compare two table values
false	test:2: attempt to compare number with table
true

-- lua __index as a function, a table and a chain
local base = { a = 1 }
local mid = setmetatable({ b = 2 }, { __index = base })
local top = setmetatable({}, { __index = mid })
print(top.a, top.b, top.c, rawget(top, "a"))
setmetatable(base, { __index = function(t, k) return k .. "?" end })
print(top.c, mid.x, top[1])
-- output
1	2	nil	nil
c?	x?	1?

-- lua __index on a missing integer key
local t = setmetatable({ 1, 2 }, { __index = function(_, k) return k * 100 end })
print(t[1], t[3], t[-1], t[0], #t)
t[3] = 3 print(t[3], t[4])
-- output
1	300	-100	0	2
3	400

-- lua __newindex is asked for missing keys only
local log = {}
local t = setmetatable({ a = 1 }, { __newindex = function(t, k, v) log[#log + 1] = k rawset(t, k, v) end })
t.a = 2 t.b = 3 t.b = 4 t.a = nil t.a = 5 t[1] = 1 t[1] = 2
print(table.concat(log, " "), t.a, t.b, t[1])
-- output
b a 1	5	4	2

-- lua __newindex as a table
local store = {}
local t = setmetatable({}, { __newindex = store })
t.x = 1 t[1] = 2 print(rawget(t, "x"), store.x, store[1])
local u = setmetatable({}, { __newindex = t }) u.y = 3 print(rawget(u, "y"), rawget(t, "y"), store.y)
-- output
nil	1	2
nil	nil	3

-- lua __newindex with a nil key
local t = setmetatable({}, { __newindex = function(t, k, v) print("set", k, v) end })
t[nil] = 5 print(t[nil])
-- output
set	nil	5
nil

-- lua __call passes itself and all arguments
local c = setmetatable({}, { __call = function(self, ...) return select("#", ...), ... end })
print(c()) print(c(nil)) print(c(1, 2, 3)) print(c "string", (c { 1 })) print(pcall(c, 1))
-- output
0
1	nil
3	1	2	3
1	1
true	1	1

-- lua __call in a method, a tail call and as an iterator
local c = setmetatable({}, { __call = function(self, a, b) return a, b end })
local o = { m = c } print(o:m(5) == o, select(2, o:m(5)))
local function t(x) return c(x, "tail") end print(t(1))
-- output
true	5
1	tail

-- lua __call chains
local f = function(...) return select("#", ...) end
for i = 1, 3 do f = setmetatable({ i }, { __call = f }) end
print(f(), f("x"))
-- output
3	4

-- lua a chain of __call longer than 15 (kernel)
local function chain(n) local f = function(...) return select("#", ...) end for _ = 1, n do f = setmetatable({}, { __call = f }) end return f end
print(chain(15)()) 
-- output
15

-- lua __tostring and __name
print(tostring(setmetatable({}, { __tostring = function() return "text" end })), (tostring(setmetatable({}, { __name = "Named" })):gsub("0x%x+", "ADDR")))
print(pcall(tostring, setmetatable({}, { __tostring = function() return 5 end })))
print(pcall(tostring, setmetatable({}, { __tostring = function() return nil end })))
print(#tostring(setmetatable({}, { __tostring = function() return "a\0b" end })))
-- output
text	Named: ADDR
true	5
false	'__tostring' must return a string
3

-- lua __name in messages
local t = setmetatable({}, { __name = "Thing" })
print(pcall(function() return t + 1 end)) print(pcall(function() return t < t end)) print(pcall(function() return #t .. t end)) print(pcall(function() return t() end)) print(pcall(function() return t.x.y end)) print(pcall(function() string.rep(t) end)) print(pcall(function() return t < 1 end))
-- output
false	test:2: attempt to perform arithmetic on a Thing value (upvalue 't')
false	test:2: attempt to compare two Thing values
false	test:2: attempt to concatenate a Thing value (upvalue 't')
false	test:2: attempt to call a Thing value (upvalue 't')
false	test:2: attempt to index a nil value (field 'x')
false	test:2: bad argument #1 to 'rep' (string expected, got Thing)
false	test:2: attempt to compare Thing with number

-- lua __metatable hides and protects
local t = setmetatable({}, { __metatable = "hidden" })
print(getmetatable(t), pcall(setmetatable, t, {})) print(getmetatable(setmetatable({}, { __metatable = false })))
print(pcall(setmetatable, t, nil)) print(getmetatable("").__name, getmetatable(5), getmetatable(nil))
-- output
hidden	false	cannot change a protected metatable
false
false	cannot change a protected metatable
nil	nil	nil

-- lua setmetatable and its arguments
local t = {}
print(setmetatable(t, nil) == t, getmetatable(t), setmetatable(t, {}) == t)
print(pcall(setmetatable, 5, {})) print(pcall(setmetatable, {})) print(pcall(setmetatable, {}, 5)) print(pcall(setmetatable))
-- output
true	nil	true
false	bad argument #1 to 'setmetatable' (table expected, got number)
false	bad argument #2 to 'setmetatable' (nil or table expected, got no value)
false	bad argument #2 to 'setmetatable' (nil or table expected, got number)
false	bad argument #1 to 'setmetatable' (table expected, got no value)

-- lua a metatable may be its own and that of itself
local mt = {} mt.__index = mt mt.x = 1
print(setmetatable({}, mt).x, setmetatable(mt, mt).x)
print(pcall(function() return mt.missing end))
-- output
1	1
false	test:3: '__index' chain too long; possible loop

-- lua changing a metatable takes effect at once
local mt = {}
local t = setmetatable({}, mt)
print(pcall(function() return t + 1 end)) mt.__add = function() return "now" end print(t + 1) mt.__add = nil print(pcall(function() return t + 1 end))
-- output
false	test:3: attempt to perform arithmetic on a table value (upvalue 't')
now
false	test:3: attempt to perform arithmetic on a table value (upvalue 't')

-- lua events that are not looked up through __index
local mt = setmetatable({}, { __index = { __add = function() return 1 end, __index = function() return 2 end } })
local t = setmetatable({}, mt) print(pcall(function() return t + 1 end)) print(t.x)
-- output
false	test:2: attempt to perform arithmetic on a table value (upvalue 't')
nil

-- lua __pairs and __gc and __mode are only fields elsewhere
local t = setmetatable({}, { __mode = "k", __gc = true }) t[{}] = 1 print(next(t) ~= nil, getmetatable(t).__gc)
-- output
true	true

-- lua inheritance with super calls
local A = {} A.__index = A function A.new(x) return setmetatable({ x = x }, A) end function A:get() return self.x end
local B = setmetatable({}, { __index = A }) B.__index = B function B.new(x) local o = A.new(x) return setmetatable(o, B) end function B:get() return A.get(self) * 2 end
print(A.new(5):get(), B.new(5):get(), getmetatable(B.new(1)) == B)
-- output
5	10	true

-- lua a table that counts accesses
local n = 0
local data = { a = 1 }
local p = setmetatable({}, { __index = function(_, k) n = n + 1 return data[k] end, __newindex = function(_, k, v) n = n + 1 data[k] = v end })
p.b = p.a + 1 p.b = p.b * 10 print(data.b, n, rawget(p, "b"))
-- output
20	4	nil

-- lua default values
local d = setmetatable({}, { __index = function(t, k) local v = k * 2 rawset(t, k, v) return v end })
print(d[5], rawget(d, 5), d[5], rawget(d, 6))
-- output
10	10	10	nil

-- lua an index loop is found
local a, b = {}, {} setmetatable(a, { __index = b }) setmetatable(b, { __index = a })
print(pcall(function() return a.x end))
setmetatable(a, { __newindex = b }) setmetatable(b, { __newindex = a }) print(pcall(function() a.x = 1 end))
-- output
false	test:2: '__index' chain too long; possible loop
false	test:3: '__newindex' chain too long; possible loop
