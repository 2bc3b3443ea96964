-- lua find plain text
print(("hello world"):find("wor"), ("hello"):find("xyz"), ("hello"):find(""), (""):find(""), ("a.b"):find(".", 1, true))
-- output
7	nil	1	1	2	2

-- lua find from a start
print(("aXbXc"):find("X", 3), ("aXbXc"):find("X", -2), ("abc"):find("a", 2), ("abc"):find("", 4), ("abc"):find("", 5), ("abc"):find("c", -1))
-- output
4	4	nil	4	nil	3	3

-- lua find with captures gives them after the positions
print(("key = value"):find("(%w+)%s*=%s*(%w+)"))
-- output
1	11	key	value

-- lua find with magic only when the pattern has some
print(("a+b"):find("+", 1, true), ("a+b"):find("a+b"), ("a+b"):find("a%+b"))
-- output
2	nil	1	3

-- lua match gives captures or the whole match
print(("2024-01-15"):match("(%d+)-(%d+)-(%d+)"), ("abc123"):match("%d+"), ("abc"):match("%d+"))
-- output
2024	123	nil

-- lua match from a start
print(("a1b2"):match("%d", 3), ("a1b2"):match("^b", 3), ("a1b2"):match("%a%d$", -2))
-- output
2	b	b2

-- lua position captures
print(("hello"):match("()ll()"), ("hello"):find("()l()"), (""):match("()"))
-- output
3	3	1

-- lua nested captures count their opening parentheses
print(("abcd"):match("((a)(b(c)))d"))
-- output
abc	a	bc	c

-- lua an empty capture is an empty string or a position
print(("abc"):match("a()b"), #("abc"):match("a(x*)b"))
-- output
2	0

-- lua classes of characters
local s = "aZ5 \t_-\200"
for _, c in ipairs { "%a", "%l", "%u", "%d", "%w", "%s", "%p", "%x", "%c", "%g" } do io.write(c, "=", (select(2, s:gsub(c, ""))), " ") end
print()
for _, c in ipairs { "%A", "%L", "%U", "%D", "%W", "%S", "%P", "%X", "%C", "%G" } do io.write(c, "=", (select(2, s:gsub(c, ""))), " ") end
print()
-- output
%a=2 %l=1 %u=1 %d=1 %w=3 %s=2 %p=2 %x=2 %c=1 %g=5 
%A=6 %L=7 %U=7 %D=7 %W=5 %S=6 %P=6 %X=6 %C=7 %G=3 

-- lua every class over every byte
for _, c in ipairs { "%a", "%c", "%d", "%g", "%l", "%p", "%s", "%u", "%w", "%x" } do
  local first, count, sum = nil, 0, 0
  for b = 0, 255 do if string.char(b):find(c) then first = first or b count = count + 1 sum = sum + b end end
  print(c, first, count, sum)
end
-- output
%a	65	52	4862
%c	0	33	623
%d	48	10	525
%g	33	94	7473
%l	97	26	2847
%p	33	32	2086
%s	9	6	87
%u	65	26	2015
%w	48	62	5387
%x	48	22	1527

-- lua sets, ranges, complements
print(("a-z[]^"):gsub("[%]%[]", "x"), ("hello"):gsub("[h-l]", "."), ("hello"):gsub("[^h-l]", "."), ("a-b"):gsub("[a%-]", "x"), ("a^b"):gsub("[b^]", "x"))
print(("]x"):match("[]]"), ("]x"):match("[^]]"), ("a-"):gsub("[a-]", "x"), ("-z"):gsub("[+--]", "x"))
-- output
a-zxx^	.e..o	h.ll.	xxb	axx	2
]	x	xx	xz	1

-- lua a class inside a set
print(("a1_b2"):gsub("[%d_]", "."), ("a1 b"):gsub("[^%w]", "."), ("x%y"):gsub("[%%]", "p"))
-- output
a..b.	a1.b	xpy	1

-- lua greedy, lazy, optional
print(("<<a>>"):match("<.*>"), ("<<a>>"):match("<.->"), ("colour color"):gsub("colou?r", "x"), ("aaa"):match("a-$"), ("aaa"):match("a-"))
-- output
<<a>>	<<a>	x x	aaa	

-- lua repetition of classes and sets
print(("aab12"):match("%a+"), ("aab12"):match("[ab]*"), ("12"):match("[ab]*"), ("x  y"):match("x%s-y"), (" x"):match("^%s*(.-)%s*$"))
-- output
aab	aab		x  y	x

-- lua anchors at both ends
print(("hello"):match("^h"), ("hello"):match("^e"), ("hello"):match("o$"), ("hello"):match("^hello$"), ("a$b"):match("a$b"), ("^a"):match("^^a"), ("a^"):match("a^"))
-- output
h	nil	o	hello	a$b	^a	a^

-- lua an anchored find begins only at its start
print(("abab"):find("^ab", 2), ("abab"):find("^ab", 3), ("aab"):find("^a-b"))
-- output
nil	3	1	3

-- lua balanced runs
print(("f(a(b)c)d"):match("%b()"), ("((x)"):match("%b()"), ("[[]]"):match("%b[]"), ("xaabbx"):match("%bab"), ("xxax"):match("%bxx"))
-- output
(a(b)c)	(x)	[[]]	aabb	xx

-- lua the frontier between characters
print(("THE (quick) fox"):find("%f[%a]%a+%f[%A]"), ("hello world"):gsub("%f[%w]%w+", string.upper), ("[[x"):find("%f[[]"), (""):find("%f[^%z]"), ("a"):match("%f[%z]$"))
-- output
1	HELLO WORLD	1	nil	

-- lua back references
print(("hello 'x' \"y\""):match("([\"'])(.-)%1"), ("abab"):match("(ab)%1"), ("abba"):match("(a)(b)%2%1"), ("aa bb"):gsub("(%a)%1", "<%1>"))
-- output
'	ab	a	<a> <b>	2

-- lua dot matches every byte
print(#("\0\n\255"):match(".+"), ("a\nb"):match("a.b") == "a\nb")
-- output
3	true

-- lua zeros in patterns
print(("a\0b"):find("\0"), ("a\0b"):match("[\0]b") == "\0b", ("a\0b"):find("%z"))
-- output
2	true	2	2

-- lua gmatch walks all matches
for w in ("one two  three"):gmatch("%a+") do io.write("[", w, "]") end
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do io.write(k, ":", v, " ") end
for p in ("abc"):gmatch("()") do io.write(p, " ") end
print()
-- output
[one][two][three]a:1 b:2 1 2 3 4 

-- lua gmatch treats a circumflex as a character
for w in ("^a^b"):gmatch("^%a") do io.write("[", w, "]") end
for w in ("hello"):gmatch("^h") do io.write("[", w, "]") end
print()
-- output
[^a][^b]

-- lua gmatch from a start
for w in ("a1b2c3"):gmatch("%a%d", 3) do io.write(w, " ") end
for w in ("a1b2c3"):gmatch("%a%d", -2) do io.write(w, " ") end
for w in ("abc"):gmatch("%a", 10) do io.write(w, " ") end
print()
-- output
b2 c3 c3 

-- lua gmatch with empty matches
for a in ("abc"):gmatch("x*") do io.write("<", a, ">") end
for a, b in ("ab"):gmatch("()(.?)") do io.write(a, b, ";") end
print()
-- output
<><><><>1a;2b;

-- lua gmatch keeps its own place
local f, g = ("abc"):gmatch("."), ("xyz"):gmatch(".")
print(f(), g(), f(), g(), f(), f(), f(), g())
-- output
a	x	b	y	c	nil	nil	z

-- lua gsub with a string
print(("hello world"):gsub("o", "0"), ("abc"):gsub("%w", "%0%0"), ("abc"):gsub("(a)(b)", "%2%1"), ("abc"):gsub("b", "%%"))
-- output
hell0 w0rld	aabbcc	bac	a%c	1

-- lua gsub with a limit
print(("aaa"):gsub("a", "b", 2), ("aaa"):gsub("a", "b", 0), ("aaa"):gsub("a", "b", -1), ("aaa"):gsub("a", "b", 100))
-- output
bba	aaa	aaa	bbb	3

-- lua gsub with a function
print(("abc"):gsub("%w", function(c) return c:upper() .. "." end))
print(("abc"):gsub("%w", function(c) if c == "b" then return nil end return false end))
print(("k=v"):gsub("(%w)=(%w)", function(k, v) return v .. "=" .. k end))
print(("abc"):gsub("()", function(p) return p end))
-- output
A.B.C.	3
abc	3
v=k	1
1a2b3c4	4

-- lua gsub with a table
print(("$name is $age"):gsub("%$(%w+)", { name = "Bob", age = 42 }), ("abc"):gsub("%w", { a = "1", b = true and 2, c = false }))
print(("ab"):gsub("%w", setmetatable({}, { __index = function(_, k) return k .. k end })))
-- output
Bob is 42	12c	3
aabb	2

-- lua gsub with a number for a replacement
print(("abc"):gsub("b", 5), ("abc"):gsub("%w", function() return 1 end))
-- output
a5c	111	3

-- lua gsub of empty matches
print(("abc"):gsub("", "-"), (""):gsub("", "x"), ("abc"):gsub("x*", "-"), ("hello"):gsub("l*", "."), ("abc"):gsub("$", "!"), ("abc"):gsub("^", "!"))
-- output
-a-b-c-	x	-a-b-c-	.h.e.o.	abc!	!abc	1

-- lua gsub anchored replaces once
print(("aaa"):gsub("^a", "b"), ("baa"):gsub("^a", "x"), ("aaa"):gsub("a$", "b"))
-- output
baa	baa	aab	1

-- lua gsub keeps what does not match
print(("a,b,,c"):gsub(",", ";"), ("abc"):gsub("x", "y"), ("abc"):gsub(".", { b = "B" }))
-- output
a;b;;c	abc	aBc	3

-- lua gsub with wrong replacements
print(pcall(function() ("abc"):gsub("b", "%2") end))
print(pcall(function() ("abc"):gsub("b", "%x") end))
print(pcall(function() ("abc"):gsub("b", "x%") end))
print(pcall(function() ("abc"):gsub("b", function() return {} end) end))
print(pcall(function() ("abc"):gsub("b", { b = true }) end))
print(pcall(function() ("abc"):gsub("b") end))
print(pcall(function() ("abc"):gsub("b", true) end))
print(("abc"):gsub("b", "%1"), ("abc"):gsub("b", "[%0]"))
-- output
false	test:1: invalid capture index %2
false	test:2: invalid use of '%' in replacement string
false	test:3: invalid use of '%' in replacement string
false	test:4: invalid replacement value (a table)
false	test:5: invalid replacement value (a boolean)
false	test:6: bad argument #2 to 'gsub' (string/function/table expected, got no value)
false	test:7: bad argument #2 to 'gsub' (string/function/table expected, got boolean)
abc	a[b]c	1

-- lua malformed patterns
local function try(p) print(select(2, pcall(function() ("a(b"):find(p) end))) end
try "(" try ")" try "a(b" try "[a" try "[]" try "[^]" try "%" try "[%" try "%b" try "%bx" try "%f" try "%fa" try "%1" try "(%1)" try "(a)%2" try "a)" try "[a-" try "(()"
-- output
test:1: unfinished capture


test:1: malformed pattern (missing ']')
test:1: malformed pattern (missing ']')
test:1: malformed pattern (missing ']')
test:1: malformed pattern (ends with '%')
test:1: malformed pattern (missing ']')
test:1: malformed pattern (missing arguments to '%b')
test:1: malformed pattern (missing arguments to '%b')
test:1: missing '[' after '%f' in pattern
test:1: missing '[' after '%f' in pattern
test:1: invalid capture index %1
test:1: invalid capture index %1
test:1: invalid capture index %2

test:1: malformed pattern (missing ']')
test:1: unfinished capture

-- lua an escaped letter without a meaning is a character
print(("aqz"):find("%q"), ("a.b"):find("%."), ("a]b"):find("%]"), ("a\0b"):find("%\0"))
-- output
2	2	2	2	2

-- lua more than 32 captures
print(pcall(function() return ("x"):rep(40):match(("(x)"):rep(33)) end))
print(select("#", ("x"):rep(40):match(("(x)"):rep(32))))
-- output
false	test:1: too many captures
32

-- lua a match that is long
print(#("x"):rep(100000):match(".*"), ("x"):rep(10000):find("y"), #(("x"):rep(5000) .. "y"):match("x-y"))
-- output
100000	nil	5001

-- lua special characters that stand for themselves
print(("a*b"):find("*"), ("?x"):find("?"), ("-x"):find("-"), ("+"):find("+"), ("a**"):match("a**"), ("--"):match("^--"))
-- output
2	1	1	1	a*	

-- lua splitting a line
local out = {}
for field in ("a,b,,c"):gmatch("([^,]*)") do out[#out + 1] = "<" .. field .. ">" end
print(table.concat(out))
-- output
<a><b><><c>

-- lua trimming
local function trim(s) return (s:gsub("^%s+", ""):gsub("%s+$", "")) end
print("[" .. trim("  x y  ") .. "]", "[" .. trim("   ") .. "]", "[" .. trim("") .. "]")
-- output
[x y]	[]	[]

-- lua a callback of gsub may use patterns itself
print(("a1 b2"):gsub("%a%d", function(w) return (w:gsub("%d", function(d) return d:rep(2) end)) end))
-- output
a11 b22	2

-- lua a callback of gsub that fails
print(pcall(function() ("abc"):gsub("b", function() error("no", 0) end) end))
-- output
false	no

-- lua lazy repetitions, searched often
local function every(text, pattern)
  local first, all
  for _ = 1, 40 do
    local found = table.concat({ tostring(text:match(pattern)), (text:gsub(pattern, "<%0>")), (text:gsub(pattern, "-")) }, "|")
    first = first or found
    all = (all == nil or all) and found == first
  end
  return first .. (all and "" or " differs")
end
for _, pattern in ipairs({ "^%s*(.-)%s*$", "(.-)%s*$", "(.-)()%s*=", "a-b?$", "[^%w]-%f[%w]%w", "(%a-)[%d_]-;", ".-%b()", "(.-)%1x", "[^\0-\255]-y", "[\0-\255]-y", "%w-[a-z]*$" }) do
  for _, text in ipairs({ "  two words\t", "", "aab", "k = v;", "x_1; y(a(b))y", "ababxzy" }) do print(every(text, pattern)) end
end
-- output
two words|<  two words	>|-
|<>|-
aab|<aab>|-
k = v;|<k = v;>|-
x_1; y(a(b))y|<x_1; y(a(b))y>|-
ababxzy|<ababxzy>|-
  two words|<  two words	>|-
|<>|-
aab|<aab>|-
k = v;|<k = v;>|-
x_1; y(a(b))y|<x_1; y(a(b))y>|-
ababxzy|<ababxzy>|-
nil|  two words	|  two words	
nil||
nil|aab|aab
k|<k => v;|- v;
nil|x_1; y(a(b))y|x_1; y(a(b))y
nil|ababxzy|ababxzy
|  two words	<>|  two words	-
|<>|-
aab|<aab>|-
|k = v;<>|k = v;-
|x_1; y(a(b))y<>|x_1; y(a(b))y-
|ababxzy<>|ababxzy-
  t|<  t>wo< w>ords	|-wo-ords	
nil||
a|<a>ab|-ab
k|<k>< = v>;|--;
x|<x><_1><; y><(a><(b><))y>|------
a|<a>babxzy|-babxzy
nil|  two words	|  two words	
nil||
nil|aab|aab
v|k = <v;>|k = -
x|<x_1;> y(a(b))y|- y(a(b))y
nil|ababxzy|ababxzy
nil|  two words	|  two words	
nil||
nil|aab|aab
nil|k = v;|k = v;
x_1; y(a(b))|<x_1; y(a(b))>y|-y
nil|ababxzy|ababxzy
nil|  two words	|  two words	
nil||
nil|aab|aab
nil|k = v;|k = v;
|<x>_1; y(a(b))y|-_1; y(a(b))y
ab|<ababx>zy|-zy
nil|  two words	|  two words	
nil||
nil|aab|aab
nil|k = v;|k = v;
y|x_1; <y>(a(b))<y>|x_1; -(a(b))-
y|ababxz<y>|ababxz-
nil|  two words	|  two words	
nil||
nil|aab|aab
nil|k = v;|k = v;
x_1; y|<x_1; y><(a(b))y>|--
ababxzy|<ababxzy>|-
|  two words	<>|  two words	-
|<>|-
aab|<aab>|-
|k = v;<>|k = v;-
y|x_1; y(a(b))<y>|x_1; y(a(b))-
ababxzy|<ababxzy>|-
