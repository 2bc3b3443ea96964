-- lua tostring and tonumber
print(tostring(nil), tostring(true), tostring(12), tostring("x"), tostring(-0), tostring(math.mininteger))
print((tostring({}):gsub("0x%x+", "")), (tostring(print):gsub("0x%x+", ""):gsub("builtin", "")), tostring({}) ~= tostring({}))
print(tonumber("10"), tonumber("  0x1f  "), tonumber("10", 2), tonumber("zz", 36), tonumber("ff", 16), tonumber("8", 8), tonumber("-7f", 16))
print(tonumber(""), tonumber("x"), tonumber("1 2"), tonumber({}), tonumber(nil), tonumber("0x"), tonumber("1_0"), tonumber("- 1"), tonumber("--1"))
print(tonumber("7fffffffffffffff", 16), tonumber("ffffffffffffffff", 16), tonumber(5), tonumber("\t7\n"))
print(pcall(tonumber)) print(pcall(tonumber, 10, 2)) print(pcall(tonumber, "1", 1)) print(pcall(tonumber, "1", 37))
-- output
nil	true	12	x	0	-9223372036854775808
table: 	function: 	true
10	31	2	1295	255	nil	-127
nil	nil	nil	nil	nil	nil	nil	nil	nil
9223372036854775807	-1	5	7
false	bad argument #1 to 'tonumber' (value expected)
false	bad argument #1 to 'tonumber' (string expected, got number)
false	bad argument #2 to 'tonumber' (base out of range)
false	bad argument #2 to 'tonumber' (base out of range)

-- lua select
print(select("#")) print(select("#", nil, nil)) print(select(2, "a", "b", "c")) print(select(-1, "a", "b")) print(select(5, 1))
print(pcall(select, 0)) print(pcall(select, -3, 1)) print(pcall(select))
-- output
0
2
b	c
b

false	bad argument #1 to 'select' (index out of range)
false	bad argument #1 to 'select' (index out of range)
false	bad argument #1 to 'select' (number expected, got no value)

-- lua type, raw functions
print(type(nil), type(1), type("x"), type({}), type(print), type(true), type(coroutine.create(print)))
print(pcall(type)) print(rawequal("a", "a"), rawequal({}, {}), rawlen({ 1 }), rawlen("abc"), rawget({ x = 1 }, "x"))
print(rawset({}, "k", 1).k, pcall(rawset, 1, 2, 3))
-- output
nil	number	string	table	function	boolean	thread
false	bad argument #1 to 'type' (value expected)
true	false	1	3	1
1	false	bad argument #1 to 'rawset' (table expected, got number)

-- lua assert passes all its arguments
print(select("#", assert(1, nil, 3)))
print(pcall(assert, nil)) print(pcall(assert, false, "text"), pcall(assert, nil, false))
-- output
3
false	assertion failed!
false	false	false

-- lua print calls tostring
print(setmetatable({}, { __tostring = function() return "custom" end }), nil, true, "a\0b" == "a\0b")
print() print("", "")
-- output
custom	nil	true	true

	

-- lua collectgarbage (kernel)
print(math.type, collectgarbage("count") >= 0, collectgarbage(), collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("incremental"))
print(collectgarbage("param", "pause", 100) ~= nil, collectgarbage("param", "pause"), pcall(collectgarbage, "nonsense"))
-- output
nil	true	0	incremental	incremental	generational
true	100	false	bad argument #1 to 'collectgarbage' (invalid option 'nonsense')

-- lua ipairs stops at nil
for i, v in ipairs { 1, 2, nil, 4 } do io.write(i, "=", v, " ") end
print(pcall(ipairs))
-- output
1=1 2=2 false	bad argument #1 to 'ipairs' (value expected)

-- lua unpack and pack
print(table.unpack { 1, 2, 3 }) print(table.unpack({ 1, 2, 3 }, 2)) print(table.unpack({}, 1, 2)) print(table.pack(1, nil).n)
-- output
1	2	3
2	3
nil	nil
2

-- lua the debug library
local t = setmetatable({}, { __metatable = "hidden" })
print(type(debug.getmetatable(t)), getmetatable(t), debug.setmetatable(t, nil) == t, getmetatable(t))
print(type(debug.getregistry()), debug.gethook())
local function f() return debug.getinfo(1, "l").currentline, debug.getinfo(2, "l").currentline end
print(f())
print(debug.getinfo(print).what, debug.getinfo(1, "S").what ~= nil, debug.getinfo(100))
-- output
table	hidden	true	nil
table	nil
4	5
C	true	nil

-- lua switches of the collector
print(collectgarbage("isrunning"), collectgarbage("stop"), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("isrunning"))
-- output
true	0	false	0	true

-- lua parameters of the collector keep what they are given (kernel)
for _, name in ipairs{ "minormul", "majorminor", "minormajor", "pause", "stepmul", "stepsize" } do
  local old = collectgarbage("param", name, 100000) print(name, math.tointeger(old) == old, collectgarbage("param", name))
end
print(pcall(collectgarbage, "param", "speed")) print(pcall(collectgarbage, "param")) print(collectgarbage("step"))
-- output
minormul	true	100000
majorminor	true	100000
minormajor	true	100000
pause	true	100000
stepmul	true	100000
stepsize	true	100000
false	bad argument #2 to 'collectgarbage' (invalid option 'speed')
false	bad argument #2 to 'collectgarbage' (string expected, got no value)
true

-- lua wrong arguments of warn
print(pcall(warn)) print(pcall(warn, {})) print(pcall(warn, "a", {})) print(select("#", warn("@off")))
-- output
false	bad argument #1 to 'warn' (string expected, got no value)
false	bad argument #1 to 'warn' (string expected, got table)
false	bad argument #2 to 'warn' (string expected, got table)
0

-- lua tonumber of few digits in a base
print(tonumber("9", 10), tonumber("zzzzzzzzzz", 36), tonumber("zzzzzzzzzzz", 36), tonumber("0000000000012", 3), tonumber("Fe", 16), tonumber("-0", 16))
for _, s in ipairs({ "", "2", "@", "`", "[", "_1", "1_", "\2331", "a:", ":a", "/1", " 11 ", "1\0" }) do print(tonumber(s, 2), tonumber(s, 16), tonumber(s, 36)) end
-- output
9	3656158440062975	131621703842267135	5	254	0
nil	nil	nil
nil	2	2
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
nil	nil	nil
3	17	37
nil	nil	nil
