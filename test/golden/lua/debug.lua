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
