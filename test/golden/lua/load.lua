-- lua load from text and from a function
print(load("return 1 + 1")()) print(load("return ...", "=c")(1, 2)) print(type(load("")))
local parts, i = { "return ", "4", "2" }, 0
print(load(function() i = i + 1 return parts[i] end)())
print(load(function() return nil end)())
i = 0
print(load(function() i = i + 1 if i == 1 then return "return 1" end return "" end)())
-- output
2
1	2
function
42

1

-- lua load reports syntax errors
print(load("x =")) print(load("x =", "=name")) print(load("x = }", "@file")) print(load("for"))
print(load(function() return 5 == 5 end))
print(pcall(load)) print(pcall(load, {}))
-- output
nil	[string "x ="]:1: unexpected symbol near <eof>
nil	name:1: unexpected symbol near <eof>
nil	file:1: unexpected symbol near '}'
nil	[string "for"]:1: <name> expected near <eof>
nil	test:2: reader function must return a string
false	bad argument #1 to 'load' (function expected, got no value)
false	bad argument #1 to 'load' (function expected, got table)

-- lua environments
local env = { y = 5 }
print(load("x = y; return y", "=e", "t", env)(), env.x, x)
print(load("return _ENV", "=e", "t", env)() == env)
print(pcall(load("x = 1", "=e", "t", 5)))
-- output
5	5	nil
true
false	e:1: attempt to index a number value (upvalue '_ENV')

-- lua modes
print(load("return 1", "=m", "b")) print(load("return 1", "=m", "t")()) print(load("return 1", "=m", "bt")())
print(load("\27Lua", "=m", "t"))
-- output
nil	attempt to load a text chunk (mode is 'b')
1
1
nil	attempt to load a binary chunk (mode is 't')

-- lua chunks are functions with varargs
local f = load("local a, b = ... return b, a, select('#', ...)")
print(f(1, 2, 3)) print(f())
-- output
2	1	3
nil	nil	0

-- lua loadfile and dofile without files (kernel)
print(loadfile("missing.lua")) print(pcall(dofile, "missing.lua"))
-- output
nil	cannot open missing.lua
false	cannot open missing.lua

-- lua require and preload
package.preload.mod = function(name, extra) return { name = name, extra = extra } end
local m, extra = require("mod")
print(m.name, m.extra, extra, require("mod") == m, package.loaded.mod == m)
package.preload.nothing = function() end
print(require("nothing"), package.loaded.nothing)
package.preload.sets = function(n) package.loaded[n] = "set" end
print(require("sets"))
package.preload.fails = function() error("cannot", 0) end
print(pcall(require, "fails"))
print(package.loaded.string == string, package.loaded._G == _G, require("table") == table, package.loaded.fails)
-- output
mod	:preload:	:preload:	true	true
true	true
set	:preload:
false	cannot
true	true	true	nil

-- lua require of a missing module (kernel)
package.path = "/a/?.lua;/b/?/init.lua"
print(pcall(require, "no.such"))
print(package.searchpath("x.y", "/p/?.lua;./?"))
print(pcall(require))
-- output
false	module 'no.such' not found:
	no field package.preload['no.such']
	no file 'no/such.lua'
	no file 'no/such/init.lua'
	no file '/a/no/such.lua'
	no file '/b/no/such/init.lua'
nil	no file '/p/x/y.lua'
	no file './x/y'
false	bad argument #1 to 'require' (string expected, got no value)

-- lua the package table (kernel)
print(package.path) print(package.config) print(package.cpath, #package.searchers, type(package.loadlib))
print(_VERSION, _LUNATIK_VERSION, os, math.pi, math.floor, debug.debug, string.rep ~= nil, arg)
-- output
/lib/modules/lua/?.lua;/lib/modules/lua/?/init.lua
/
;
?
!
-

nil	2	function
Lua 5.5-kernel	Lunatik 4.4	nil	nil	nil	nil	true	nil
