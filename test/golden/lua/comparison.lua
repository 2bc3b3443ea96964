-- lua equality
print(1 == 1, 1 == 2, "a" == "a", "a" == "b", nil == nil, nil == false, true == true, 1 == true, {} == {}, print == print)
print(1 ~= 1, "a" ~= "b", nil ~= false, 0 == "0", "" == false)
local t = {}
print(t == t, t ~= {}, math.maxinteger == math.maxinteger, math.maxinteger == 0x7fffffffffffffff, 1 << 63 == math.mininteger)
-- output
true	false	true	false	true	false	true	false	false	true
false	true	true	false	false
true	true	true	true	true

-- lua order of integers
print(1 < 2, 2 < 1, 1 <= 1, 1 >= 2, 2 > 1, -1 < 0, math.mininteger < -1, math.maxinteger >= 9007199254740992)
print(math.maxinteger < math.maxinteger, math.maxinteger <= math.maxinteger, 9007199254740993 > 9007199254740992)
-- output
true	false	true	false	true	true	true	true
false	true	true

-- lua order of strings is that of bytes
print("a" < "b", "a" < "A", "" < "a", "a" < "aa", "Z" < "a", "\0" < "", "a\0b" < "a\0c", "10" < "9", "\200" > "\100")
-- output
true	false	true	true	true	false	true	true	true

-- lua and, or, not
print(nil and error("no"), false and error("no"), 0 and "zero is true", "" and "so is the empty string")
print(nil or 1, false or nil, 1 or error("no"), not 0, not nil, not not 1)
print(1 and 2 or 3, nil and 2 or 3, false == (1 and nil), (nil or false) == false)
local function f(...) return ... end
print((f(1, 2) and f(3, 4)), f() or "none", f(nil, 1) or "nil first")
if nil then print "no" elseif 0 then print "yes" end
-- output
nil	false	zero is true	so is the empty string
1	nil	1	false	true	true
2	3	false	true
3	none	nil first
yes

-- lua values that cannot be compared
print(pcall(function() return {} < {} end))
print(pcall(function() return {} < 1 end))
print(pcall(function() return 1 <= "1" end))
print(pcall(function() return "a" > 1 end))
print(pcall(function() return nil >= nil end))
print(pcall(function() return print < print end))
print(pcall(function() return true < false end))
print(pcall(function() local a, b = 1; return a < b end))
-- output
false	test:1: attempt to compare two table values
false	test:2: attempt to compare table with number
false	test:3: attempt to compare number with string
false	test:4: attempt to compare number with string
false	test:5: attempt to compare two nil values
false	test:6: attempt to compare two function values
false	test:7: attempt to compare two boolean values
false	test:8: attempt to compare number with nil

-- lua conditions of every kind
local function test(a, b)
  local out = {}
  if a then out[#out + 1] = "a" end
  if not a then out[#out + 1] = "not a" end
  if a and b then out[#out + 1] = "both" end
  if a or b then out[#out + 1] = "one" end
  if not (a and b) then out[#out + 1] = "not both" end
  if a == b then out[#out + 1] = "equal" end
  while a do out[#out + 1] = "loop" break end
  return table.concat(out, ",")
end
for _, p in ipairs { { 1, 1 }, { 1, false }, { false, 1 }, { false, false }, { 0, "" } } do print(test(p[1], p[2])) end
print(test(), test(nil, 1), test(1))
-- output
a,both,one,equal,loop
a,one,not both,loop
not a,one,not both
not a,not both,equal
a,both,one,loop
not a,not both,equal	not a,one,not both	a,one,not both,loop
