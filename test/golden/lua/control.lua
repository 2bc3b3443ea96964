-- lua numeric for
for i = 1, 3 do io.write(i, " ") end
for i = 3, 1, -1 do io.write(i, " ") end
for i = 1, 0 do io.write("never") end
for i = 1, 10, 4 do io.write(i, " ") end
for i = 10, 1, -4 do io.write(i, " ") end
for i = -3, -1 do io.write(i, " ") end
print()
local n = 0
for i = 1, 5 do local i = i * 2 n = n + i end
print(n)
-- output
1 2 3 3 2 1 1 5 9 10 6 2 -3 -2 -1 
30

-- lua numeric for evaluates its expressions once
local log = {}
local function v(x) log[#log + 1] = x return x end
for i = v(1), v(3), v(2) do log[#log + 1] = "i" .. i end
print(table.concat(log, " "))
local limit = 3
for i = 1, limit do limit = 10 io.write(i, " ") end
print(limit)
-- output
1 3 2 i1 i3
1 2 3 10

-- lua numeric for never wraps around
local n = 0
for i = math.maxinteger - 2, math.maxinteger do n = n + 1 io.write(i, " ") end
for i = math.mininteger + 1, math.mininteger, -1 do n = n + 1 io.write(i, " ") end
print(n)
for i = math.maxinteger - 1, math.maxinteger, 2 do io.write(i, " ") end
for i = 1, math.maxinteger, math.maxinteger // 2 do io.write(i, " ") end
for i = -1, math.mininteger, math.mininteger do io.write(i, " ") end
for i = math.mininteger, math.maxinteger, math.maxinteger do io.write(i, " ") end
print()
for i = 9007199254740990, 9007199254740994 do io.write(i, " ") end
for i = -9007199254740990, -9007199254740993, -1 do io.write(i, " ") end
for i = 1, math.maxinteger do if i > 3 then break end io.write(i, " ") end
for i = 9007199254740989, math.maxinteger, 3 do if i > 9007199254741000 then break end io.write(i, " ") end
print()
-- output
9223372036854775805 9223372036854775806 9223372036854775807 -9223372036854775807 -9223372036854775808 5
9223372036854775806 1 4611686018427387904 9223372036854775807 -1 -9223372036854775808 -1 9223372036854775806 
9007199254740990 9007199254740991 9007199254740992 9007199254740993 9007199254740994 -9007199254740990 -9007199254740991 -9007199254740992 -9007199254740993 1 2 3 9007199254740989 9007199254740992 9007199254740995 9007199254740998 

-- lua numeric for takes strings that hold integers (kernel)
for i = "1", "3", "2" do io.write(i, " ") end
print()
-- output
1 3 

-- lua while and repeat
local i = 0
while i < 3 do i = i + 1 io.write(i, " ") end
repeat i = i - 1 io.write(i, " ") until i == 0
repeat local done = true until done
while true do if i > 2 then break end i = i + 1 end
print(i)
while nil do print("never") end
while (function() i = i + 1 return i < 6 end)() do io.write(i, " ") end
print()
-- output
1 2 3 2 1 0 3
4 5 

-- lua the condition of repeat sees the locals of the body
local n = 0
repeat
  n = n + 1
  local stop = n == 3
  local f = function() return stop end
until f()
print(n)
-- output
3

-- lua break leaves the innermost loop
for i = 1, 3 do
  for j = 1, 3 do
    if j == 2 then break end
    io.write(i, ":", j, " ")
  end
  if i == 2 then break end
end
print()
while true do
  repeat if true then break end until false
  for _ in pairs { 1 } do break end
  break
end
print("out")
-- output
1:1 2:1 
out

-- lua if, elseif, else
local function f(x) if x == 1 then return "one" elseif x == 2 then return "two" elseif x then return "other" else return "none" end end
print(f(1), f(2), f(3), f(), f(false))
if false then elseif nil then else print("else") end
-- output
one	two	other	none	none
else

-- lua return ends any block
local function f(n)
  while true do
    for i = 1, 10 do
      repeat
        if i == n then return i, "found" end
      until true
    end
    do return "not found" end
  end
end
print(f(3)) print(f(20))
print((function() return end)())
print((function() do return 1 end end)())
print(select("#", (function() end)()), select("#", (function() return nil end)()), select("#", ((function() end)())))
-- output
3	found
not found

1
0	1	1

-- lua generic for
local function range(n) return function(s, i) if i < s then return i + 1, i * i end end, n, 0 end
for i, sq in range(3) do io.write(i, "=", sq, " ") end
for i in range(2) do io.write(i, " ") end
for a, b, c in range(1) do print(a, b, c) end
for k, v in next, { 10, 20 } do io.write(k, "=", v, " ") end
for w in ("one two"):gmatch("%a+") do io.write(w, " ") end
print()
for k in setmetatable({}, { __call = function(self, s, c) if not c then return "called" end end }) do print(k) end
for i, v in ipairs { 1, 2, nil, 4 } do io.write(i, " ") end
for _ in pairs {} do print("never") end
print()
-- output
1=0 2=1 3=4 1 2 1	0	nil
1=10 2=20 one two 
called
1 2 

-- lua generic for over what cannot be called
print(pcall(function() for k in 5 do end end))
print(pcall(function() for k in nil do end end))
print(pcall(function() local t = {} for k in t do end end))
print(pcall(function() for k, v in pairs(nil) do end end))
print(pcall(function() for k, v in ipairs() do end end))
-- output
false	test:1: attempt to call a number value (for iterator 'for iterator')
false	test:2: attempt to call a nil value (for iterator 'for iterator')
false	test:3: attempt to call a table value (for iterator 'for iterator')
false	test:4: bad argument #1 to 'for iterator' (table expected, got nil)
false	test:5: bad argument #1 to 'ipairs' (value expected)

-- lua pairs visits everything once, also when entries are removed
local t = { 1, 2, 3, a = 4, b = 5, [100] = 6, [-1] = 7, [true] = 8 }
local n, sum = 0, 0
for k, v in pairs(t) do n = n + 1 sum = sum + v t[k] = nil end
print(n, sum, next(t))
t = {}
for i = 1, 100 do t["k" .. i] = i t[i] = i end
for k, v in pairs(t) do t[k] = nil if type(k) == "number" then t["k" .. k] = nil end end
print(next(t), #t)
t = { 1, 2, 3 }
for k in pairs(t) do t[k] = k * 10 end
print(t[1], t[2], t[3])
-- output
8	36	nil
nil	0
10	20	30

-- lua __pairs and ipairs through __index
local p = setmetatable({}, { __pairs = function(t) return function(_, k) if not k then return 1, 2 end end, t, nil end })
for k, v in pairs(p) do print(k, v) end
local q = setmetatable({}, { __index = function(_, i) if i < 4 then return i * i end end })
for i, v in ipairs(q) do io.write(i, "=", v, " ") end
print()
-- output
1	2
1=1 2=4 3=9 

-- lua nested loops with captured variables
local fs = {}
for i = 1, 2 do for j = 1, 2 do fs[#fs + 1] = function() return i * 10 + j end end end
for _, f in ipairs(fs) do io.write(f(), " ") end
print()
-- output
11 12 21 22 

-- lua a for loop that runs once at each extreme
for i = math.maxinteger, math.maxinteger do io.write(i, " ") end
for i = math.mininteger, math.mininteger do io.write(i, " ") end
for i = math.maxinteger, math.maxinteger, -1 do io.write(i, " ") end
for i = math.mininteger, math.mininteger, math.mininteger do io.write(i, " ") end
print()
-- output
9223372036854775807 -9223372036854775808 9223372036854775807 -9223372036854775808 

-- lua a for loop up to the last integer ends
local n = 0
for i = math.maxinteger - 2, math.maxinteger do n = n + 1 end
for i = math.mininteger + 2, math.mininteger, -1 do n = n + 1 end
for i = math.maxinteger - 5, math.maxinteger, 3 do n = n + 10 end
for i = math.mininteger + 5, math.mininteger, -4 do n = n + 100 end
print(n)
-- output
226

-- lua a for loop over the whole range in large steps
for i = math.mininteger, math.maxinteger, math.maxinteger do io.write(i, " ") end print()
for i = math.maxinteger, math.mininteger, math.mininteger do io.write(i, " ") end print()
for i = math.mininteger, math.maxinteger, 1 << 62 do io.write(i, " ") end print()
for i = 1, math.maxinteger, math.maxinteger do io.write(i, " ") end print()
for i = -1, math.mininteger, math.mininteger do io.write(i, " ") end print()
-- output
-9223372036854775808 -1 9223372036854775806 
9223372036854775807 -1 
-9223372036854775808 -4611686018427387904 0 4611686018427387904 
1 
-1 

-- lua a for loop around 2^53
for i = 9007199254740990, 9007199254740994 do io.write(i, " ") end print()
for i = -9007199254740990, -9007199254740994, -1 do io.write(i, " ") end print()
for i = 9007199254740994, 9007199254740990, -2 do io.write(i, " ") end print()
-- output
9007199254740990 9007199254740991 9007199254740992 9007199254740993 9007199254740994 
-9007199254740990 -9007199254740991 -9007199254740992 -9007199254740993 -9007199254740994 
9007199254740994 9007199254740992 9007199254740990 

-- lua a for loop whose bounds cross
for i = 2, 1 do print("never") end
for i = 1, 2, -1 do print("never") end
for i = math.maxinteger, math.mininteger do print("never") end
for i = math.mininteger, math.maxinteger, -1 do print("never") end
print("done")
-- output
done

-- lua the bounds of a for loop are evaluated once, in order
local log = {}
local function v(x) log[#log + 1] = x return x end
for i = v(1), v(3), v(2) do log[#log + 1] = "i" .. i end
print(table.concat(log, " "))
-- output
1 3 2 i1 i3

-- lua changing the bounds inside changes nothing
local n, s = 3, 0
for i = 1, n do n = 10 s = s + i end
print(s, n)
-- output
6	10

-- lua a step of zero
print(pcall(function() for i = 1, 2, 0 do end end))
print(pcall(function() for i = 1, 0, 0 do end end))
-- output
false	test:1: 'for' step is zero
false	test:2: 'for' step is zero

-- lua the variable of a for loop is gone behind it
i = "global"
for i = 1, 2 do end
print(i) i = nil
-- output
global

-- lua a for loop's own variable may be shadowed
for i = 1, 2 do local i = i * 10 io.write(i, " ") end print()
-- output
10 20 

-- lua break in every kind of loop
for i = 1, 3 do if i == 2 then break end io.write(i, " ") end
for k in pairs { 1, 2, 3 } do if k == 2 then break end io.write(k, " ") end
while true do io.write("w ") break end
repeat io.write("r ") break until false
print()
-- output
1 1 w r 

-- lua break leaves closures with the last values
local fs = {}
for i = 1, 5 do local j = i fs[#fs + 1] = function() j = j + 1 return j end if i == 3 then break end end
print(#fs, fs[3](), fs[3](), fs[1]())
-- output
3	4	5	2

-- lua break as the last statement and in the middle
while true do do break end print("never") end
for i = 1, 2 do do local x = i if x == 1 then goto c end break end ::c:: io.write(i, " ") end
print()
-- output
1 

-- lua the condition of while is evaluated before each round
local n = 0
local function c() n = n + 1 return n < 4 end
while c() do io.write(n, " ") end
print(n)
-- output
1 2 3 4

-- lua the condition of repeat sees inner locals and closures
local fs = {}
local n = 0
repeat local k = n fs[#fs + 1] = function() return k end n = n + 1 until k >= 2
print(#fs, fs[1](), fs[2](), fs[3]())
-- output
3	0	1	2

-- lua repeat with continue
local i = 0
repeat
  i = i + 1
  if i % 2 == 0 then goto continue end
  io.write(i, " ")
  ::continue::
until i >= 5
print()
-- output
1 3 5 

-- lua nested loops with the same names
for i = 1, 2 do for i = 10, 11 do io.write(i, " ") end io.write(i, " ") end
print()
-- output
10 11 1 10 11 2 

-- lua if with many branches
local function f(x) if x == 1 then return "one" elseif x == 2 then return "two" elseif x == 3 then return "three" else return "many" end end
print(f(1), f(2), f(3), f(4), f())
-- output
one	two	three	many	many

-- lua an empty block of every kind
do end while false do end for i = 1, 0 do end for k in pairs {} do end repeat until true if nil then elseif false then else end (function() end)()
print("ok")
-- output
ok

-- lua return from nested blocks
local function f(x) do while true do for i = 1, 10 do if i == x then do return i, "found" end end end return "none" end end end
print(f(3)) print(f(20))
-- output
3	found
none

-- lua return of nothing, of nil, and in the middle by do
local function a() return end
local function b() return nil end
local function c(x) do return x end print("never") end
print(select("#", a()), select("#", b()), c(5))
-- output
0	1	5

-- lua a generic for with three values and state
local function iter(s, c) if c < s.max then return c + s.step, c * 10 end end
for a, b in iter, { max = 6, step = 2 }, 0 do io.write(a, ":", b, " ") end print()
-- output
2:0 4:20 6:40 

-- lua a generic for stops at nil, not at false
local values, n = { 1, false, 2 }, 0
for v in function() n = n + 1 return values[n] end do io.write(tostring(v), " ") end print(n)
-- output
1 false 2 4

-- lua a generic for with missing values
for a, b, c in function(_, x) if not x then return 1 end end do print(a, b, c) end
-- output
1	nil	nil

-- lua changing the second variable of a generic for changes nothing
for k, v in ipairs { 1, 2 } do v = v + 100 io.write(k, ":", v, " ") end print()
-- output
1:101 2:102 

-- lua a generic for over a callable table
local c = setmetatable({ n = 0 }, { __call = function(self, s, x) self.n = self.n + 1 if self.n <= s then return self.n end end })
for i in c, 3 do io.write(i, " ") end print()
-- output
1 2 3 

-- lua the values of a generic for are evaluated once
local calls = 0
local function make() calls = calls + 1 return ipairs { 1, 2, 3 } end
for i in make() do end
print(calls)
-- output
1

-- lua pairs over a table with both parts
local n, s = 0, 0
for k, v in pairs { 1, 2, 3, x = 4, y = 5, [10] = 6, [-1] = 7 } do n = n + 1 s = s + v end
print(n, s)
-- output
7	28

-- lua assigning to existing entries during a traversal
local t = { a = 1, b = 2, c = 3, 10, 20 }
for k, v in pairs(t) do t[k] = v * 2 end
print(t.a, t.b, t.c, t[1], t[2])
-- output
2	4	6	20	40

-- lua clearing during a traversal
local t = {}
for i = 1, 30 do t[i] = i t["k" .. i] = i end
local n = 0
for k in pairs(t) do t[k] = nil n = n + 1 end
print(n, next(t))
-- output
60	nil

-- lua pairs over a proxy with __pairs
local t = setmetatable({}, { __pairs = function(t) return function(_, k) k = (k or 0) + 1 if k <= 3 then return k, k * k end end, t, nil end })
for k, v in pairs(t) do io.write(k, "=", v, " ") end print()
-- output
1=1 2=4 3=9 

-- lua ipairs respects __index and stops at the first nil
local t = setmetatable({ 1, 2 }, { __index = function(_, k) if k <= 4 then return k * 10 end end })
for i, v in ipairs(t) do io.write(i, "=", v, " ") end print()
for i, v in ipairs { 1, nil, 3 } do io.write(i, " ") end print()
for i, c in ipairs("abc") do print("never") end
-- output
1=1 2=2 3=30 4=40 
1 

-- lua pairs over what is no table
print(pcall(function() for k in pairs(nil) do end end))
print(pcall(function() for k in pairs(5) do end end))
print(pcall(function() for k in ipairs(nil) do end end))
print(pcall(function() for k in ipairs(5) do end end))
print(pcall(function() for k in next, nil do end end))
-- output
false	test:1: bad argument #1 to 'for iterator' (table expected, got nil)
false	test:2: bad argument #1 to 'for iterator' (table expected, got number)
false	attempt to index a nil value
false	attempt to index a number value
false	test:5: bad argument #1 to 'for iterator' (table expected, got nil)

-- lua numeric for across what compiled code takes for its end
for i = 4503598553628670, math.maxinteger do io.write(i, " ") if i > 4503598553628674 then break end end print()
for i = 4503599628419072, math.maxinteger do print(i) break end
for i = -4503598553628670, math.mininteger, -3 do io.write(i, " ") if i < -4503598553628680 then break end end print()
local x = -1 for i = x >> 12, 4503599627370498 do io.write(i, " ") end print()
for i = x >> 1 & 0x10000000000000, math.maxinteger, 65536 do io.write(i, " ") if i > 4503599627500000 then break end end print()
-- output
4503598553628670 4503598553628671 4503598553628672 4503598553628673 4503598553628674 4503598553628675 
4503599628419072
-4503598553628670 -4503598553628673 -4503598553628676 -4503598553628679 -4503598553628682 
4503599627370495 4503599627370496 4503599627370497 4503599627370498 
4503599627370496 4503599627436032 4503599627501568 
