-- lua integers in every base
print(("%d %i %u %x %X %o %c"):format(10, -10, 10, 255, 255, 8, 65))
-- output
10 -10 10 ff FF 10 A

-- lua negative numbers in unsigned bases
print(("%x %X %o"):format(-1, -255, -1))
-- output
ffffffffffffffff FFFFFFFFFFFFFF01 1777777777777777777777

-- lua widths, zeros, signs
print(("[%5d] [%-5d] [%05d] [%+d] [% d] [%5s] [%-5s]"):format(42, 42, 42, 42, 42, "ab", "ab"))
-- output
[   42] [42   ] [00042] [+42] [ 42] [   ab] [ab   ]

-- lua precision
print(("[%.3d] [%.5x] [%.2s] [%.0s] [%10.3s] [%-10.2s] [%8.3d]"):format(5, 255, "abc", "abc", "abcdef", "abc", 7))
-- output
[005] [000ff] [ab] [] [       abc] [ab        ] [     007]

-- lua the alternative form
print(("%#x %#X %#o"):format(255, 255, 8))
-- output
0xff 0XFF 010

-- lua a percent sign
print(("100%% %d%%"):format(5))
-- output
100% 5%

-- lua extreme integers
print(("%d %d %x"):format(math.maxinteger, math.mininteger, math.mininteger))
-- output
9223372036854775807 -9223372036854775808 8000000000000000

-- lua %s calls tostring
print(("%s %s %s %s"):format(nil, true, 12, setmetatable({}, { __tostring = function() return "obj" end })))
print(("%.2s"):format(true), ("%5s"):format(nil))
-- output
nil true 12 obj
tr	  nil

-- lua %s keeps zeros and long strings
print(#("%s"):format("a\0b"), #("%s|"):format(("x"):rep(1000)))
-- output
3	1001

-- lua %c makes a byte
print(("%c%c%c"):format(72, 105, 0) == "Hi\0", ("[%3c]"):format(65), ("[%-3c]"):format(65))
-- output
true	[  A]	[A  ]

-- lua %q quotes so that Lua reads it back
print(("%q"):format('a "b" \\ \n \0 \r \t \200'))
print(("%q"):format("\0001"), ("%q"):format("\r2"))
print(("%q %q %q %q"):format(1, true, nil, math.mininteger))
-- output
"a \"b\" \\ \
 \0 \13 \9 \xc8"
"\0001"	"\0132"
1 true nil 0x8000000000000000

-- lua %q round trips every byte
local all = {}
for b = 0, 255 do all[#all + 1] = string.char(b) end
local s = table.concat(all)
print(load("return " .. ("%q"):format(s))() == s, load("return " .. ("%q"):format(math.mininteger))() == math.mininteger)
-- output
true	true

-- lua %q refuses what cannot be written
print(pcall(function() ("%q"):format({}) end))
print(pcall(function() ("%q"):format(print) end))
print(pcall(function() ("%5q"):format("x") end))
-- output
false	test:1: bad argument #1 to 'format' (value has no literal form)
false	test:2: bad argument #1 to 'format' (value has no literal form)
false	test:3: specifier '%q' cannot have modifiers

-- lua strings that hold integers are numbers
print(("%d %x"):format("10", "0x1f"))
-- output
10 1f

-- lua missing and wrong arguments
print(pcall(function() ("%d"):format() end))
print(pcall(function() ("%d %d"):format(1) end))
print(pcall(function() ("%d"):format("x") end))
print(pcall(function() ("%d"):format({}) end))
print(pcall(function() ("%s"):format() end))
print(pcall(function() string.format() end))
-- output
false	test:1: bad argument #1 to 'format' (no value)
false	test:2: bad argument #2 to 'format' (no value)
false	test:3: bad argument #1 to 'format' (number expected, got string)
false	test:4: bad argument #1 to 'format' (number expected, got table)
false	test:5: bad argument #1 to 'format' (no value)
false	test:6: bad argument #1 to 'format' (string expected, got no value)

-- lua extra arguments are ignored
print(("%d"):format(1, 2, 3), ("x"):format(1))
-- output
1	x

-- lua conversions that do not exist
print(pcall(function() ("%y"):format(1) end))
print(pcall(function() ("%"):format(1) end))
print(pcall(function() ("%10"):format(1) end))
print(pcall(function() ("%123d"):format(1) end))
print(pcall(function() ("%.123d"):format(1) end))
print(pcall(function() ("%#s"):format(1) end))
print(pcall(function() ("%0s"):format(1) end))
print(pcall(function() ("%.3c"):format(1) end))
print(pcall(function() ("%--------d"):format(1) end))
-- output
false	test:1: invalid conversion '%y' to 'format'
false	test:2: invalid conversion '%' to 'format'
false	test:3: invalid conversion '%10' to 'format'
false	test:4: invalid conversion specification: '%123d'
false	test:5: invalid conversion specification: '%.123d'
false	test:6: invalid conversion specification: '%#s'
false	test:7: invalid conversion specification: '%0s'
false	test:8: invalid conversion specification: '%.3c'
true

-- lua no floats in formats (kernel)
for _, c in ipairs { "e", "f", "g", "a", "E", "F", "G", "A", "p" } do print(pcall(function() ("%" .. c):format(1) end)) end
-- output
false	test:1: invalid conversion '%e' to 'format'
false	test:1: invalid conversion '%f' to 'format'
false	test:1: invalid conversion '%g' to 'format'
false	test:1: invalid conversion '%a' to 'format'
false	test:1: invalid conversion '%E' to 'format'
false	test:1: invalid conversion '%F' to 'format'
false	test:1: invalid conversion '%G' to 'format'
false	test:1: invalid conversion '%A' to 'format'
false	test:1: invalid conversion '%p' to 'format'

-- lua a string that is no integer (kernel)
print(pcall(function() ("%d"):format("1.5") end))
print(pcall(function() ("%d"):format("1e2") end))
print(pcall(function() ("%x"):format("9223372036854775808") end))
-- output
false	test:1: bad argument #1 to 'format' (number expected, got string)
false	test:2: bad argument #1 to 'format' (number expected, got string)
false	test:3: bad argument #1 to 'format' (number expected, got string)

-- lua addresses of tables look like addresses
print((tostring({}):gsub("0x%x+", "ADDR")), (("%s"):format(print):gsub("0x%x+", "ADDR"):gsub("builtin", "function")))
-- output
table: ADDR	function: ADDR
