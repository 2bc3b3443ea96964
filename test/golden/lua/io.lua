-- lua writing and reading back
local f = io.open("a.txt", "w") print(io.type(f)) print(f:write("one\n", 2, "\nthree") == f) f:close() print(io.type(f))
f = io.open("a.txt") print(f:read()) print(f:read("l")) print(f:read("a")) print(f:read("a"), f:read("l"), f:read(0)) f:close()
-- output
file
true
closed file
one
2
three
	nil	nil

-- lua lines with and without their ends, and counts
local f = io.open("b.txt", "w") f:write("ab\ncd\n\nef") f:close()
f = io.open("b.txt") print(f:read("L", "l", "L", "l", "l")) f:close()
f = io.open("b.txt") print(f:read(1, 2, 0, 100, 1)) f:close()
-- output
ab
	cd	
	ef	nil
a	b
		cd

ef	nil

-- lua lines as an iterator
local f = io.open("c.txt", "w") f:write("x\ny\nz\n") f:close()
for l in io.lines("c.txt") do io.write("[", l, "]") end
f = io.open("c.txt") for l in f:lines("L") do io.write("<", #l, ">") end print(io.type(f)) f:close()
for a, b in io.lines("c.txt", 1, 1) do io.write(a, #b, " ") end print()
-- output
[x][y][z]<2><2><2>file
x1 y1 z1 

-- lua seek
local f = io.open("d.txt", "w+") f:write("hello") print(f:seek(), f:seek("set"), f:read(2), f:seek("cur", 1), f:read(1), f:seek("end"), f:seek("end", -2), f:read("a")) f:close()
-- output
5	0	he	3	l	5	3	lo

-- lua appending
local f = io.open("e.txt", "w") f:write("a") f:close() f = io.open("e.txt", "a") f:write("b") f:close()
for l in io.lines("e.txt") do print(l) end
-- output
ab

-- lua a file as a variable to be closed
local keep
do local f <close> = io.open("f.txt", "w") keep = f f:write("x") end print(io.type(keep))
-- output
closed file

-- lua what is no file
print(io.type(5), io.type({}), pcall(io.type)) 
-- output
nil	nil	false	bad argument #1 to 'io.type' (value expected)

-- lua a closed file
local f = io.open("g.txt", "w") f:close()
print(pcall(function() f:write("x") end)) print(pcall(function() f:read() end)) print(tostring(f))
-- output
false	test:2: attempt to use a closed file
false	test:2: attempt to use a closed file
file (closed)

-- lua wrong modes and formats
print(pcall(function() io.open("h.txt", "x") end)) print(pcall(function() io.open("h.txt", "rw") end))
local f = io.open("h.txt", "w+") print(pcall(function() f:read("z") end)) print(pcall(function() f:seek("middle") end)) f:close()
-- output
false	test:1: bad argument #2 to 'open' (invalid mode)
false	test:1: bad argument #2 to 'open' (invalid mode)
false	test:2: bad argument #1 to 'read' (invalid format)
false	test:2: bad argument #1 to 'seek' (invalid option 'middle')

-- lua failures are told as an I/O error (kernel)
print(io.open("missing.txt")) print(pcall(io.lines, "missing.txt"))
-- output
nil	I/O error
false	I/O error

-- lua what is not there (kernel)
print(io.read, io.popen, io.tmpfile, io.stdin, io.stdout, io.stderr, io.input, io.output, os)
-- output
nil	nil	nil	nil	nil	nil	nil	nil	nil
