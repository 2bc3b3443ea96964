-- lua 200 locals are the most
local function try(n, extra) local t = {} for i = 1, n do t[i] = "local v" .. i .. " = " .. i end t[#t + 1] = extra return load(table.concat(t, "\n"), "=c") end
print(try(200, "return v200")(), (try(201, "return 1")))
-- output
200	nil

-- lua too many locals in a function name its line
local t = {} for i = 1, 201 do t[i] = "local v" .. i end
print(load("\nfunction f()\n" .. table.concat(t, "\n") .. "\nend", "=c"))
-- output
nil	c:204: too many local variables (limit is 200) in function at line 2 near 'end'

-- lua the message about too many locals (kernel)
local t = {} for i = 1, 201 do t[i] = "local v" .. i .. " = " .. i end
print(load(table.concat(t, "\n") .. "\nreturn 1", "=c"))
-- output
nil	c:202: too many local variables (limit is 200) in main function near 'return'

-- lua locals of ended blocks do not count
local t = {} for i = 1, 300 do t[i] = "do local v" .. i .. " = 1 end" end
print(load(table.concat(t, " ")) ~= nil)
-- output
true

-- lua parameters count as locals
local t = {} for i = 1, 201 do t[i] = "p" .. i end
print(load("return function(" .. table.concat(t, ",", 1, 200) .. ") end") ~= nil) print(load("return function(" .. table.concat(t, ",") .. ") end", "=c"))
-- output
true
nil	c:1: too many local variables (limit is 200) in function at line 1 near ')'

-- lua nesting that is too deep
for _, p in ipairs { { "(", ")" }, { "{", "}" } } do
  print(load("return " .. p[1]:rep(150) .. "1" .. p[2]:rep(150)) ~= nil, load("return " .. p[1]:rep(300) .. "1" .. p[2]:rep(300)))
end
print(load(("do "):rep(150) .. ("end "):rep(150)) ~= nil, load(("do "):rep(300) .. ("end "):rep(300)))
print(load(("function f() "):rep(100) .. ("end "):rep(100)) ~= nil, load(("function f() "):rep(300) .. ("end "):rep(300)))
print(load("return " .. ("- "):rep(301) .. "1")) print(load("return " .. ("not "):rep(300) .. "1")) print(load("return " .. ("1 .. "):rep(300) .. "1"))
print(load(("if x then "):rep(300) .. ("end "):rep(300))) print(load(("while x do "):rep(300) .. ("end "):rep(300)))
-- output
true	nil	C stack overflow
true	nil	C stack overflow
true	nil	C stack overflow
true	nil	C stack overflow
nil	C stack overflow
nil	C stack overflow
nil	C stack overflow
nil	C stack overflow
nil	C stack overflow

-- lua chains that do not nest have no limit
print(load("return " .. ("1 + "):rep(150) .. "1")()) print(#load("return " .. ("'x' .. "):rep(150) .. "'x'")())
local s = {} for i = 1, 150 do s[i] = "elseif x == " .. i .. " then return " .. i end print(load("local x = ... if false then " .. table.concat(s, " ") .. " end")(77))
print(load("local x = {} x.y = x return x" .. (".y"):rep(1000) .. " == x")())
-- output
151
151
77
true

-- lua many statements
local t = {} for i = 1, 3000 do t[i] = "x = " .. i end
load(table.concat(t, "\n"))() print(x)
-- output
3000

-- lua many constants
local t = {} for i = 1, 1000 do t[i] = "'s" .. i .. "'" end
local r = load("return {" .. table.concat(t, ",") .. "}")() print(#r, r[1], r[1000])
-- output
1000	s1	s1000

-- lua many functions
local t = {} for i = 1, 500 do t[i] = "function() return " .. i .. " end" end
local r = load("return {" .. table.concat(t, ",") .. "}")() print(r[1](), r[500]())
-- output
1	500

-- lua long names and strings
local n = ("n"):rep(1000) print(load(n .. " = 5 return " .. n)(), #load("return '" .. ("s"):rep(100000) .. "'")())
-- output
5	100000

-- lua more than 255 upvalues
local t, u = {}, {} for i = 1, 130 do t[i] = "local a" .. i .. " = 1" u[i] = "a" .. i end
local t2, u2 = {}, {} for i = 1, 130 do t2[i] = "local b" .. i .. " = 1" u2[i] = "b" .. i end
local uses = {} for _, n in ipairs(u) do uses[#uses + 1] = n .. " = 2" end for _, n in ipairs(u2) do uses[#uses + 1] = n .. " = 2" end
print(load(table.concat(t, " ") .. " local function f() " .. table.concat(t2, " ") .. " return function()\n" .. table.concat(uses, "\n") .. " end end", "=c"))
-- output
nil	c:257: too many upvalues (limit is 255) in function at line 1 near '='

-- lua a table with a million entries
local t = {} for i = 1, 1000000 do t[i] = i end print(#t, t[1000000])
-- output
1000000	1000000

-- lua a string of a million bytes
local s = ("x"):rep(1000000) print(#s, #(s .. s), s:sub(-1), s == ("x"):rep(1000000))
-- output
1000000	2000000	x	true

-- lua a limit is not for pcall to catch (kernel)
print(pcall(function() while true do end end))
-- output
-- error
test:1: instruction budget exceeded

-- lua a limit is not for coroutines to catch (kernel)
print(coroutine.resume(coroutine.create(function() while true do end end)))
-- output
-- error
test:1: instruction budget exceeded

-- lua memory is bounded (kernel)
local t = {}
while true do t[#t + 1] = ("x"):rep(1000000) end
-- output
-- error
test:2: not enough memory

-- lua memory of tables is bounded (kernel)
local t = {}
while true do t = { t, {}, {}, {}, {}, {}, {}, {} } end
-- output
-- error
test:2: not enough memory

-- lua a chain of strings that grows is bounded (kernel)
local s = "x"
while true do s = s .. s end
-- output
-- error
test:2: not enough memory

-- lua an uncaught error in a limit shows the place (kernel)
local function f() while true do end end
f()
-- output
-- error
test:1: instruction budget exceeded
