-- lua continue
for i = 1, 5 do
  if i % 2 == 0 then goto continue end
  io.write(i, " ")
  ::continue::
end
print()
local i = 0
while i < 5 do
  i = i + 1
  if i == 3 then goto continue end
  io.write(i, " ")
  ::continue::
end
print()
repeat
  i = i - 1
  if i == 2 then goto continue end
  io.write(i, " ")
  ::continue::
until i == 0
print()
-- output
1 3 5 
1 2 4 5 
4 3 1 0 

-- lua backward goto makes a loop
local i = 1
::top::
io.write(i, " ")
i = i + 1
if i <= 3 then goto top end
print(i)
-- output
1 2 3 4

-- lua forward goto skips
goto done
print("skipped")
::done::
print("done")
do goto out end
print("skipped")
::out:: ::other::
-- output
done

-- lua out of nested loops
for i = 1, 3 do
  for j = 1, 3 do
    if i * j == 4 then goto found end
    io.write(i * j, " ")
  end
end
::found::
print()
-- output
1 2 3 2 

-- lua several labels in one block
local n = 0
goto b
::a:: n = n + 1 io.write("a ") if n < 3 then goto c end goto done
::b:: io.write("b ") goto a
::c:: io.write("c ") goto b
::done:: print(n)
-- output
b a c b a c b a 3

-- lua a state machine
local input, at, state = "aab!", 0, {}
::start::
at = at + 1
do
  local c = input:sub(at, at)
  if c == "a" then goto on_a elseif c == "b" then goto on_b else goto finish end
end
::on_a:: state[#state + 1] = "A" goto start
::on_b:: state[#state + 1] = "B" goto start
::finish:: print(table.concat(state))
-- output
AAB

-- lua jumping out of closures' scopes makes new variables
local fs, i = {}, 0
::again::
local k = i
fs[#fs + 1] = function() k = k + 1 return k end
i = i + 10
if i < 30 then goto again end
print(fs[1](), fs[1](), fs[2](), fs[3]())
-- output
1	2	11	21

-- lua a local declared after the label is nil again
local round = 0
::again::
do
  local x
  if round == 0 then x = 5 end
  print(x)
end
round = round + 1
if round < 2 then goto again end
-- output
5
nil

-- lua goto in a loop to a label around it
do
  local n = 0
  ::retry::
  for i = 1, 3 do
    n = n + 1
    if n == 2 then goto retry end
  end
  print(n)
end
-- output
5

-- lua goto continue inside nested blocks and loops
for i = 1, 3 do
  for j = 1, 3 do
    if j == 2 then goto next_j end
    if i == 2 then goto next_i end
    io.write(i, j, " ")
    ::next_j::
  end
  ::next_i::
end
print()
-- output
11 13 31 33 

-- lua labels with one name in different blocks
do goto l1 ::l1:: end
do goto l1 print("skipped") ::l1:: end
local function f() goto l1 ::l1:: return "ok" end
print(f())
-- output
ok

-- lua a label at the end of a block may follow locals
do
  goto e
  local x = 1
  print(x)
  ::e::
end
do
  goto e
  local x
  ::e:: ; ::e2:: ;
end
print("ok")
-- output
ok

-- lua goto from a branch to the end of a function
local function f(x)
  if x then goto fail end
  do return "fine" end
  ::fail::
  return "failed"
end
print(f(), f(1))
-- output
fine	failed

-- lua goto with switch of labels and loops inside
local function run(n)
  local out = {}
  ::one::
  for i = 1, 2 do
    if n == i then n = n + 1 goto two end
    out[#out + 1] = i
  end
  goto three
  ::two::
  out[#out + 1] = "two"
  while true do
    if n > 2 then goto three end
    n = n + 1
    if n == 2 then goto one end
  end
  ::three::
  out[#out + 1] = "three"
  return table.concat(out, " ")
end
print(run(0), "|", run(1), "|", run(2), "|", run(3))
-- output
1 2 three	|	two three	|	1 two three	|	1 2 three

-- lua break in a switch of labels leaves the loop around it
for i = 1, 2 do
  ::x:: ::y::
  if i == 1 then i2 = (i2 or 0) + 1 if i2 < 3 then goto x elseif i2 < 5 then goto y end break end
end
print(i2)
-- output
5

-- lua closing on a goto out of the scope
local function closer(n) return setmetatable({}, { __close = function() io.write("close", n, " ") end }) end
for i = 1, 2 do
  local c <close> = closer(i)
  if i == 1 then goto continue end
  io.write("body ")
  ::continue::
end
print()
do
  local n = 0
  ::again::
  do
    local c <close> = closer(n)
    n = n + 1
    if n < 3 then goto again end
  end
  print()
end
-- output
close1 body close2 
close0 close1 close2 

-- lua labels that cannot be reached
print(load("goto nowhere"))
print(load("do ::inner:: end goto inner"))
print(load("::a:: ::a::"))
print(load("::a:: do ::a:: end"))
print(load("::l:: local function f() goto l end"))
print(load("goto = 1"))
print(load("do goto x; local a; ::x:: ::y:: end") ~= nil)
-- output
nil	[string "goto nowhere"]:1: no visible label 'nowhere' for <goto> at line 1
nil	[string "do ::inner:: end goto inner"]:1: no visible label 'inner' for <goto> at line 1
nil	[string "::a:: ::a::"]:1: label 'a' already defined on line 1
nil	[string "::a:: do ::a:: end"]:1: label 'a' already defined on line 1
nil	[string "::l:: local function f() goto l end"]:1: no visible label 'l' for <goto> at line 1
nil	[string "goto = 1"]:1: <name> expected near '='
true

-- lua break outside a loop (kernel)
print(load("break"))
print(load("local function f() break end"))
print(load("for i = 1, 2 do local function f()\n break end end"))
-- output
nil	[string "break"]:1: break outside loop near 'break'
nil	[string "local function f() break end"]:1: break outside loop near 'break'
nil	[string "for i = 1, 2 do local function f()..."]:2: break outside loop near 'break'

-- lua goto into the scope of a variable (kernel)
print(load("goto f; local x; ::f:: print(x)"))
print(load("repeat goto c; local x; ::c:: until x"))
print(load("do goto x; local a; ::x:: ::y:: print(1) end"))
print(load("do\n goto x\n local a\n ::x::\n print(1)\n end"))
print(load("goto x; global a; ::x:: a = 1"))
print(load("goto x; global *; ::x:: a = 1"))
-- output
nil	[string "goto f; local x; ::f:: print(x)"]:1: <goto f> at line 1 jumps into the scope of 'x'
nil	[string "repeat goto c; local x; ::c:: until x"]:1: <goto c> at line 1 jumps into the scope of 'x'
nil	[string "do goto x; local a; ::x:: ::y:: print(1) end"]:1: <goto x> at line 1 jumps into the scope of 'a'
nil	[string "do..."]:6: <goto x> at line 2 jumps into the scope of 'a'
nil	[string "goto x; global a; ::x:: a = 1"]:1: <goto x> at line 1 jumps into the scope of 'a'
nil	[string "goto x; global *; ::x:: a = 1"]:1: <goto x> at line 1 jumps into the scope of '*'

-- lua goto over a to-be-closed variable to the end of its block
local function c(n) return setmetatable({}, { __close = function() print("close", n) end }) end
for i = 1, 4 do
  local x <close> = c("x" .. i)
  if i == 1 then goto out end
  local y <close> = c("y" .. i)
  if i == 2 then goto out end
  if i == 3 then goto last end
  print("body", i)
  ::out:: ::last::
end
-- output
close	x1
close	y2
close	x2
close	y3
close	x3
body	4
close	y4
close	x4
