-- lua messages of the parser
local function try(s) print(select(2, load(s, "=s"))) end
try "x" try "x = = 1" try "x =" try "1 = x" try "f() = 1" try "a.b:c = 1" try "(a) = 1" try "(a.b) = 1" try "a, f() = 1, 2"
try "if" try "if x" try "if x then" try "if x then else elseif end" try "while x" try "while x do" try "repeat" try "repeat until"
try "for" try "for x" try "for x = 1" try "for x = 1, 2" try "for x = 1, 2 do" try "for 1 = 1, 2 do end" try "for x, y = 1, 2 do end" try "for x in" try "for x y"
try "function" try "function f" try "function f(" try "function f(a,)" try "function f(a" try "function f(...,a)" try "function f(1)" try "function f:a.b()"
try "local" try "local 1" try "local x =" try "local function" try "local function f.a()" try "local x, " try "local function f:x() end"
try "return return" try "return 1 2" try "return 1; x = 2" try "do" try "end" try "do end end" try "x." try "x:" try "x:y" try "x[" try "x[1" try "{" try "x = {" try "x = {1" try "x = {1 2}" try "x = {[1]}" try "x = {[1] = }" try "f(" try "f(1" try "f(1,)" try "f(,)"
try "x = a b" try "x = (1" try "x = #" try "x = not" try "x = -" try "x = 1 +" try "x = 1 + + 2" try "x = function" try "x = function(" try "x = and" try "x = 'a' .." try "x = ..." try "local function f() return ... end"
try "goto" try "goto 1" try "::" try "::x" try ":: x y ::" try "x.y.z" try "x{}.y" try "'a':b()" try "x = }" try "until" try "elseif" try "else" try "then" try "in" try "!" try "x = 5 5" try "x = y.z w"
-- output
s:1: syntax error near <eof>
s:1: unexpected symbol near '='
s:1: unexpected symbol near <eof>
s:1: unexpected symbol near '1'
s:1: syntax error near '='
s:1: function arguments expected near '='
s:1: syntax error near '='
s:1: syntax error near '='
s:1: syntax error near '='
s:1: unexpected symbol near <eof>
s:1: 'then' expected near <eof>
s:1: 'end' expected near <eof>
s:1: 'end' expected near 'elseif'
s:1: 'do' expected near <eof>
s:1: 'end' expected near <eof>
s:1: 'until' expected near <eof>
s:1: unexpected symbol near <eof>
s:1: <name> expected near <eof>
s:1: '=' or 'in' expected near <eof>
s:1: ',' expected near <eof>
s:1: 'do' expected near <eof>
s:1: 'end' expected near <eof>
s:1: <name> expected near '1'
s:1: 'in' expected near '='
s:1: unexpected symbol near <eof>
s:1: '=' or 'in' expected near 'y'
s:1: <name> expected near <eof>
s:1: '(' expected near <eof>
s:1: <name> or '...' expected near <eof>
s:1: <name> or '...' expected near ')'
s:1: ')' expected near <eof>
s:1: ')' expected near ','
s:1: <name> or '...' expected near '1'
s:1: '(' expected near '.'
s:1: <name> expected near <eof>
s:1: <name> expected near '1'
s:1: unexpected symbol near <eof>
s:1: <name> expected near <eof>
s:1: '(' expected near '.'
s:1: <name> expected near <eof>
s:1: '(' expected near ':'
s:1: unexpected symbol near 'return'
s:1: <eof> expected near '2'
s:1: <eof> expected near 'x'
s:1: 'end' expected near <eof>
s:1: <eof> expected near 'end'
s:1: <eof> expected near 'end'
s:1: <name> expected near <eof>
s:1: <name> expected near <eof>
s:1: function arguments expected near <eof>
s:1: unexpected symbol near <eof>
s:1: ']' expected near <eof>
s:1: unexpected symbol near '{'
s:1: unexpected symbol near <eof>
s:1: '}' expected near <eof>
s:1: '}' expected near '2'
s:1: '=' expected near '}'
s:1: unexpected symbol near '}'
s:1: unexpected symbol near <eof>
s:1: ')' expected near <eof>
s:1: unexpected symbol near ')'
s:1: unexpected symbol near ','
s:1: syntax error near <eof>
s:1: ')' expected near <eof>
s:1: unexpected symbol near <eof>
s:1: unexpected symbol near <eof>
s:1: unexpected symbol near <eof>
s:1: unexpected symbol near <eof>
s:1: unexpected symbol near '+'
s:1: '(' expected near <eof>
s:1: <name> or '...' expected near <eof>
s:1: unexpected symbol near 'and'
s:1: unexpected symbol near <eof>

s:1: cannot use '...' outside a vararg function near '...'
s:1: <name> expected near <eof>
s:1: <name> expected near '1'
s:1: <name> expected near <eof>
s:1: '::' expected near <eof>
s:1: '::' expected near 'y'
s:1: syntax error near <eof>
s:1: syntax error near <eof>
s:1: unexpected symbol near ''a''
s:1: unexpected symbol near '}'
s:1: <eof> expected near 'until'
s:1: <eof> expected near 'elseif'
s:1: <eof> expected near 'else'
s:1: unexpected symbol near 'then'
s:1: unexpected symbol near 'in'
s:1: unexpected symbol near '!'
s:1: unexpected symbol near '5'
s:1: syntax error near <eof>

-- lua messages that name where a block began
local function try(s) print(select(2, load(s, "=s"))) end
try "if x then\n\n" try "while x do\nif y then\nend\n" try "function f()\n\nlocal x\n" try "for i = 1, 2 do\n" try "repeat\n\nx = 1" try "f(\n1" try "x = (\n1" try "x = {\n1" try "do\n\nend)" try "x = function()\n"
-- output
s:3: 'end' expected (to close 'if' at line 1) near <eof>
s:4: 'end' expected (to close 'while' at line 1) near <eof>
s:4: 'end' expected (to close 'function' at line 1) near <eof>
s:2: 'end' expected (to close 'for' at line 1) near <eof>
s:3: 'until' expected (to close 'repeat' at line 1) near <eof>
s:2: ')' expected (to close '(' at line 1) near <eof>
s:2: ')' expected (to close '(' at line 1) near <eof>
s:2: '}' expected (to close '{' at line 1) near <eof>
s:3: unexpected symbol near ')'
s:2: 'end' expected (to close 'function' at line 1) near <eof>

-- lua semicolons and blank statements
;;; local x = 1; ; local y = 2;
do ; end
if x then ; end
print(x, y);
return;
-- output
1	2

-- lua ambiguous newlines call
local f = function(x) return function(y) return x .. y end end
local g = f
("a")
("b")
print(g)
-- output
ab

-- lua deep nesting
print(#load("return " .. ("("):rep(100) .. "'x'" .. (")"):rep(100))())
print(load("return " .. ("-"):rep(100) .. "1")() ~= nil)
local s = "x" for i = 1, 150 do s = s .. ".x" end
print(load("return " .. s) ~= nil)
print(select(2, load("return " .. ("{"):rep(1000) .. ("}"):rep(1000))) ~= nil)
print(select(2, load(("do "):rep(1000) .. ("end "):rep(1000))) ~= nil)
local many = {} for i = 1, 5000 do many[i] = "local x" .. (i % 150) .. " = " .. i end
print(load("do " .. table.concat(many, " end do ") .. " end") ~= nil)
-- output
1
false
true
true
true
true
