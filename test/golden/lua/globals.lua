-- lua without a declaration every name is global (kernel)
x = 1
print(x, y, _G.x)
global = 5
print(global)
local t = { global = 1 }
print(t.global)
function global() return "function" end
print(global())
-- output
1	nil	1
5
1
function

-- lua a declaration ends the default (kernel)
print(load("global print; print(1)") ~= nil)
print(load("global print; print(x)"))
print(load("global a; a = 1; b = 2"))
print(load("do global a end; b = 2") ~= nil)
print(load("global a; do global * end; return b"))
print(load("global a; do global *; b = 1 end") ~= nil)
print(load("global a; function b() end"))
print(load("global a; local function f() return c end"))
print(load("global a; local c; return c") ~= nil)
-- output
true
nil	[string "global print; print(x)"]:1: variable 'x' not declared
nil	[string "global a; a = 1; b = 2"]:1: variable 'b' not declared
true
nil	[string "global a; do global * end; return b"]:1: variable 'b' not declared
true
nil	[string "global a; function b() end"]:1: variable 'b' not declared
nil	[string "global a; local function f() return c end"]:1: variable 'c' not declared
true

-- lua assignment to read-only globals (kernel)
print(load("global a <const>; a = 1"))
print(load("global <const> a, b; b = 1"))
print(load("global <const> *; x = 1"))
print(load("global <const> *; return print") ~= nil)
print(load("global <const> *; global x; x = 1") ~= nil)
print(load("global a <close>"))
print(load("global <close> a"))
print(load("global a <foo>"))
print(load("global <const> f; function f() end"))
-- output
nil	[string "global a <const>; a = 1"]:1: attempt to assign to const variable 'a'
nil	[string "global <const> a, b; b = 1"]:1: attempt to assign to const variable 'b'
nil	[string "global <const> *; x = 1"]:1: attempt to assign to const variable 'x'
true
true
nil	[string "global a <close>"]:1: global variables cannot be to-be-closed
nil	[string "global <close> a"]:1: global variables cannot be to-be-closed
nil	[string "global a <foo>"]:1: unknown attribute 'foo'
nil	[string "global <const> f; function f() end"]:1: attempt to assign to const variable 'f'

-- lua initialised globals (kernel)
global print, pcall, load, tostring
global one, two = 1, 2
print(one, two)
print(pcall(load "global one = 1"))
print(pcall(load "global fresh, two = 1, 2"))
global three <const> = 3
print(three)
-- output
1	2
false	[string "global one = 1"]:1: global 'one' already defined
false	[string "global fresh, two = 1, 2"]:1: global 'two' already defined
3

-- lua global functions (kernel)
global print, pcall, load
global function f(n) return n == 0 and "done" or f(n - 1) end
print(f(3))
print(pcall(load "global function f() end"))
-- output
done
false	[string "global function f() end"]:1: global 'f' already defined

-- lua declarations do not touch the table (kernel)
global print, _G
print(_G.never, _ENV.never)
_G.dynamic = 1
global dynamic
print(dynamic)
-- output
nil	nil
1

-- lua a declaration inside a function (kernel)
local function f()
  global inner
  inner = 7
end
f()
print(inner)
-- output
7

-- lua a local hides a global (kernel)
local v = 1
do global v, print v = 2 print(v, _G.v) end
print(v)
-- output
-- error
test:2: variable '_G' not declared

-- lua the value of the initialiser is taken before the declaration (kernel)
local print = print
local a = 5
do global a = a + 1 print(a) end
print(a, _G.a)
-- output
6
5	6

-- lua the loop variables are read-only (kernel)
print(load("for i = 1, 2 do i = 3 end"))
print(load("for k, v in pairs {} do k = 3 end"))
print(load("for k, v in pairs {} do v = 3 end") ~= nil)
print(load("for i = 1, 2 do local function f() i = 3 end end"))
print(load("for i = 1, 2 do local i = i; i = 3 end") ~= nil)
-- output
nil	[string "for i = 1, 2 do i = 3 end"]:1: attempt to assign to const variable 'i'
nil	[string "for k, v in pairs {} do k = 3 end"]:1: attempt to assign to const variable 'k'
true
nil	[string "for i = 1, 2 do local function f() i = 3 end ..."]:1: attempt to assign to const variable 'i'
true

-- lua global is a name like any other
global = 5
print(global, _G.global) global = global + 1 print(global) local t = { global = 7 } print(t.global)
local function global(x) return x end print(global(1), (global)(2))
-- output
5	5
6
7
1	2

-- lua a global statement declares names (kernel)
global print, x
x = 5 print(x, _ENV.x)
-- output
5	5

-- lua an undeclared name is an error when the chunk is compiled (kernel)
print(load("global a; b = 1")) print(load("global a; return a + b")) print(load("global a; local function f() return b end")) print(load("\n\nglobal a\nprint(1)"))
-- output
nil	[string "global a; b = 1"]:1: variable 'b' not declared
nil	[string "global a; return a + b"]:1: variable 'b' not declared
nil	[string "global a; local function f() return b end"]:1: variable 'b' not declared
nil	[string "..."]:4: variable 'print' not declared

-- lua a declaration holds to the end of its block (kernel)
print(load("do global a; a = 1 end b = 2") ~= nil) print(load("global a do global b end b = 1")) print(load("global a if a then global b b = 1 end return b"))
-- output
true
nil	[string "global a do global b end b = 1"]:1: variable 'b' not declared
nil	[string "global a if a then global b b = 1 end return ..."]:1: variable 'b' not declared

-- lua global * declares every name (kernel)
global *
undeclaredname = 3 print(undeclaredname)
-- output
3

-- lua global * inside a block (kernel)
global print
do global * y = 5 print(y) end
print(pcall == nil)
-- output
-- error
test:3: variable 'pcall' not declared

-- lua read-only globals (kernel)
print(load("global x <const>; x = 1")) print(load("global <const> x, y; y = 1")) print(load("global <const> *; z = 1")) print(load("global <const> *; print(1)") ~= nil) print(load("global <const> print; function print() end")) print(load("global x <const> = 5; x = 6"))
-- output
nil	[string "global x <const>; x = 1"]:1: attempt to assign to const variable 'x'
nil	[string "global <const> x, y; y = 1"]:1: attempt to assign to const variable 'y'
nil	[string "global <const> *; z = 1"]:1: attempt to assign to const variable 'z'
true
nil	[string "global <const> print; function print() end"]:1: attempt to assign to const variable 'print'
nil	[string "global x <const> = 5; x = 6"]:1: attempt to assign to const variable 'x'

-- lua a global declared anew (kernel)
print(load("global x <const>; global x; x = 1") ~= nil) print(load("global x; global x <const>; x = 1")) print(load("global x; global *; y = 1") ~= nil)
-- output
true
nil	[string "global x; global x <const>; x = 1"]:1: attempt to assign to const variable 'x'
true

-- lua a global with a value is defined once (kernel)
global print, pcall, load
global first = 1
print(first) print(pcall(load("global first = 2"))) print(pcall(load("global fresh = 3"))) print(_ENV == nil)
-- output
1
false	[string "global first = 2"]:1: global 'first' already defined
true
false

-- lua a global function (kernel)
global print
global function f(n) if n == 0 then return 0 end return n + f(n - 1) end
print(f(4))
-- output
10

-- lua attributes that globals do not have (kernel)
print(load("global x <close>")) print(load("global <close> x = 1")) print(load("global x <other>")) print(load("global <close> *"))
-- output
nil	[string "global x <close>"]:1: global variables cannot be to-be-closed
nil	[string "global <close> x = 1"]:1: global variables cannot be to-be-closed
nil	[string "global x <other>"]:1: unknown attribute 'other'
nil	[string "global <close> *"]:1: global variables cannot be to-be-closed

-- lua locals hide globals and the other way round (kernel)
local a = 1
global print, a
print(a) a = 2 print(a, _ENV.a)
-- output
nil
2	2

-- lua _ENV declared as a global (kernel)
print(load("global _ENV, a; a = 1"))
-- output
nil	[string "global _ENV, a; a = 1"]:1: _ENV is global when accessing variable 'a'

-- lua forms that are no declarations (kernel)
print(load("global")) print(load("global = 1; return global")()) print(load("global(1)") ~= nil) print(load("global.x = 1") ~= nil) print(load("global 5")) print(load("global a.b")) print(load("global function a.b() end")) print(load("global <const>")) print(load("global a,"))  print(load("global * = 1"))
-- output
nil	[string "global"]:1: syntax error near <eof>
1
true
true
nil	[string "global 5"]:1: syntax error near '5'
nil	[string "global a.b"]:1: unexpected symbol near '.'
nil	[string "global function a.b() end"]:1: '(' expected near '.'
nil	[string "global <const>"]:1: <name> expected near <eof>
nil	[string "global a,"]:1: <name> expected near <eof>
nil	[string "global * = 1"]:1: unexpected symbol near '='

-- lua several globals with values (kernel)
global print
global p, q, r = 1, (function() return 2, 3 end)()
print(p, q, r)
-- output
1	2	3

-- lua a global that is there already stops the program (kernel)
x = 1
global x = 2
-- output
-- error
test:2: global 'x' already defined

-- lua a name that is not declared stops the program (kernel)
global print, pcall
print("declared")
undeclared = 1
-- output
-- error
test:3: variable 'undeclared' not declared
