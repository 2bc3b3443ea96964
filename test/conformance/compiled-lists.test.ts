/** Lists whose length depends on the packet, and what a first result says of the others: as the Lua VM has it. */

import { expect, test } from "vitest";
import { EXAMPLE_LAYOUT } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { InterpretedHook, VmHook } from "../differential/hook-machines.ts";

const HEAD = `local netfilter, nf = require("netfilter"), require("linux.nf")
local function some(n) if n == 0 then return end if n == 1 then return nil end if n == 2 then return 7, "b" end return n, nil end
local function fails(n) if n == 1 then error("no") end end
local function count(...) return select("#", ...) end
local function behind(first, second, ...) return first, count(...), ... end
local function strict(n) if n == 1 then error("no") elseif n == 2 then return end return n end
local function either(n) if n < 2 then return n == 0, n end return n == 2, "s" .. n end
local function through(n) return some(n) end
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
local n = skb:data():getuint8(28)
`;

test.each([
  "print(pcall(fails, n))",
  "print(pcall(function() fails(n) end))",
  "print('got', pcall(some, n))",
  "print(some(n))",
  "print(1, through(n))",
  "print((some(n)))",
  "print(some(n), 2)",
  "print(count(some(n)), count(1, some(n)), count(some(n), 1))",
  "print(behind(some(n)))",
  "print(behind(1, 2, some(n)))",
  "print(behind(1, some(n)))",
  "print(select('#', some(n)))",
  "print(pcall(select, 2, some(n)))",
  "print(pcall(type, some(n)))",
  "print(pcall(tostring, some(n)))",
  "local a, b, c = some(n) print(a, b, c)",
  "local t = { 5, some(n) } print(t[1], t[2], t[3])",
  "local t = { 5, 6, some(n + n % 2) } print(n % 2 == 0 and #t)",
  "print(skb:data():getstring(28, 4):find(string.char(1, 9)))",
  "print(pcall(function(...) return count(...), ... end, through(n)))",
  "local f = n < 2 and some or through print(f(n))",
  "for i = 0, n do print(i, some(i)) end",
  "print(pcall(pcall, some, n))",
  "print(pcall(assert, some(n)))",
  "local ok, v = pcall(strict, n) if not ok then print(#v) elseif v then print(v + 1, v >> 1) else print('none') end",
  "local ok, v = pcall(strict, n) local was = ok if n > 2 then v = v * 2 end if was and v then print(v) else print(ok, v) end",
  `local last
   for i = 0, n do
     local ok, v = pcall(strict, i)
     if ok and v then last = (last or 0) + v elseif not ok then print(v:sub(1, 3), last) end
   end
   print(last)`,
  "local v if n > 1 then v = n end local t = { 5, v, x = 1 } print(#t)",
  "local v if n > 1 then v = n end print(#{ v, 2, v, x = 1 }, #{ nil, v, 3, v, x = 1 }, #{ v, nil }, #{ 1, nil })",
  "local good, v = either(n) if good then print(type(v), v) else print(v, type(v)) end",
])("%s", (body) => {
  const vm = new VmHook(`${HEAD}${body} return nf.action.ACCEPT end }`);
  const compiled = vm.compile(EXAMPLE_LAYOUT);
  expect(compiled.refusals).toEqual([]);
  const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  for (const n of [0, 1, 2, 3]) {
    const packet = ipPacket({ payload: Uint8Array.of(n, 9, 1, 9) });
    expect(hook.run(packet).lines).toEqual(vm.run(packet).lines);
  }
});
