-- lua without a declaration every name is global (kernel)
x = 1
print(x, y, _G.x)
global = 5
print(global)
local t = { global = 1 }
print(t.global)
function global() return "function" end
print(global())
-- lua a declaration ends the default (kernel)
print(load("global print; print(1)"))
print(load("global print; print(x)"))
print(load("global a; a = 1; b = 2"))
print(load("do global a end; b = 2"))
print(load("global a; do global * end; return b"))
print(load("global a; do global *; b = 1 end"))
print(load("global a; function b() end"))
print(load("global a; local function f() return c end"))
print(load("global a; local c; return c"))
-- lua read-only globals (kernel)
print(load("global a <const>; a = 1"))
print(load("global <const> a, b; b = 1"))
print(load("global <const> *; x = 1"))
print(load("global <const> *; return print"))
print(load("global <const> *; global x; x = 1"))
print(load("global a <close>"))
print(load("global <close> a"))
print(load("global a <foo>"))
print(load("global <const> f; function f() end"))
-- lua initialised globals (kernel)
global print, pcall, load, tostring
global one, two = 1, 2
print(one, two)
print(pcall(load "global one = 1"))
print(pcall(load "global fresh, two = 1, 2"))
global three <const> = 3
print(three)
-- lua global functions (kernel)
global print, pcall, load
global function f(n) return n == 0 and "done" or f(n - 1) end
print(f(3))
print(pcall(load "global function f() end"))
-- lua declarations do not touch the table (kernel)
global print, _G, _ENV
print(_G.never, _ENV.never)
_G.dynamic = 1
global dynamic
print(dynamic)
-- lua a declaration inside a function (kernel)
local function f()
  global inner
  inner = 7
end
f()
print(inner)
-- lua a local hides a global (kernel)
local v = 1
do global v v = 2 print(v, _G.v) end
print(v)
-- lua the value of the initialiser is taken before the declaration (kernel)
local a = 5
do global a = a + 1 print(a) end
print(a, _G.a)
-- lua the loop variables are read-only (kernel)
print(load("for i = 1, 2 do i = 3 end"))
print(load("for k, v in pairs {} do k = 3 end"))
print(load("for k, v in pairs {} do v = 3 end"))
print(load("for i = 1, 2 do local function f() i = 3 end end"))
print(load("for i = 1, 2 do local i = i; i = 3 end"))
