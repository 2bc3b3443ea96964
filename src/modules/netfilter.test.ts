import { describe, expect, test } from "vitest";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import { failureOf, machine, machineWith, type TestMachine } from "../runtime/testing.ts";

const HEAD = `local netfilter, nf = require("netfilter"), require("linux.nf")
local function at(t) t.pf = t.pf or nf.proto.IPV4; t.hooknum = t.hooknum or nf.inet.LOCAL_IN; t.priority = t.priority or 0
  return netfilter.register(t) end `;

/** Runs one packet to the machine through a hook of this body; the verdict, the mark, the log. */
function hooked(body: string, mark = 0) {
  const made = machineWith(`${HEAD} at{ mark = ${mark}, hook = function(skb) ${body} end }`);
  return { ...send(made, mark), log: made.log, errors: made.runtime.errors };
}

function send({ kernel }: TestMachine, mark = 0) {
  const skb = skbOf(ipPacket({ from: "10.0.0.9", to: "10.0.0.1" }));
  skb.mark = mark;
  const { verdict } = kernel.process(skb);
  return { verdict, mark: skb.mark, modified: skb.modified, skb };
}

describe("first result", () => {
  test.each([
    ["return 0", "drop"],
    ["return 1", "accept"],
    ["return 2", "stolen"],
    ["return 3", "queue"],
    ["return 4", "stolen"],
    ["return 5", "stolen"],
    ["return 6", "accept"],
    ["return -1", "accept"],
    ["return 1 << 32", "drop"],
    ["return (1 << 32) | 1", "accept"],
    ["return (1 << 62) | 2", "stolen"],
    ["return math.mininteger", "drop"],
    ["", "drop"],
    ["return nil", "drop"],
    ["return false", "drop"],
    ["return true", "drop"],
    ["return {}", "drop"],
    ["return 'x'", "drop"],
    ["return '1'", "accept"],
    ["return ' 0x1 '", "accept"],
    ["return 1, nil", "accept"],
    ["return 1, nil, 2", "accept"],
    ["return table.unpack{}", "drop"],
  ])("%s", (body, verdict) => {
    expect(hooked(body)).toMatchObject({ verdict, mark: 0, errors: 0, log: [] });
  });
});

describe("second result", () => {
  test.each([
    ["return 1, 7", 7],
    ["return 0, 7", 7],
    ["return 1, 0", 0],
    ["return 1, -1", 0xffffffff],
    ["return 1, 0x100000005", 5],
    ["return 1, (1 << 62) | 5", 5],
    ["return 1, 'x'", 0],
    ["return 1, '9'", 9],
    ["return 1, false", 0],
    ["return 1, {}", 0],
    ["return 1, nil", 3],
    ["return 1", 3],
    ["return nil, 8", 8],
  ])("%s on a packet with mark 3", (body, mark) => {
    expect(hooked(body, 3).mark).toBe(mark);
  });
});

test("only packets with the hook's mark reach it", () => {
  const made = machineWith(`${HEAD} at{ mark = 0x1ffffffff, hook = function() print("ran") return 0 end }`);
  expect(send(made, 0).verdict).toBe("accept");
  expect(send(made, 0xffffffff).verdict).toBe("drop");
  expect(made.log).toEqual(["info: ran"]);
});

describe("errors in the hook", () => {
  test.each([
    ["error('boom')", "error: test.lua:4: boom"],
    ["error('boom', 0)", "error: boom"],
    ["error('two\\nlines', 0)", "error: two lines"],
    ["local x = nil; x.y = 1", "error: test.lua:4: attempt to index a nil value (local 'x')"],
    ["skb:data():getuint8(9999)", "error: test.lua:4: bad argument #1 to 'getuint8' (out of bounds)"],
    ["skb:data('ip')", "error: test.lua:4: bad argument #1 to 'data' (invalid option 'ip')"],
  ])("%s", (body, line) => {
    expect(hooked(`\n${body}`, 5)).toMatchObject({ verdict: "accept", mark: 5, errors: 1, log: [line] });
  });

  test("an endless loop is stopped, and the next packet served", () => {
    const made = machineWith(
      `${HEAD} local n = 0 at{ hook = function() n = n + 1 if n == 1 then pcall(function() while true do end end) end return 0 end }`,
      { budget: 10_000 },
    );
    expect(send(made).verdict).toBe("accept");
    expect(made.runtime.errors).toBe(1);
    expect(made.log).toHaveLength(1);
    expect(send(made).verdict).toBe("drop");
  });

  test("so is a script that takes all memory", () => {
    const made = machineWith(
      `${HEAD} local n = 0 at{ hook = function() n = n + 1 local s = "x" if n == 1 then while true do s = s .. s end end return 0 end }`,
      { memoryLimitBytes: 32 * 2 ** 20 },
    );
    expect(send(made).verdict).toBe("accept");
    expect(made.runtime.errors).toBe(1);
    expect(send(made).verdict).toBe("drop");
  });

  test("endless recursion too", () => {
    const made = machineWith(`${HEAD} local function f() return 1 + f() end at{ hook = function() f() end }`);
    expect(send(made).verdict).toBe("accept");
    expect(made.log[0]).toMatch(/stack overflow/);
  });

  test.each(["", "hook = 7", "hook = {}"])("no function: { %s }", (field) => {
    const made = machineWith(`${HEAD} at{ ${field} }`);
    expect(send(made).verdict).toBe("accept");
    expect(send(made).verdict).toBe("accept");
    expect(made.log).toEqual(["error: operation not defined", "error: operation not defined"]);
  });
});

test("the hook is looked up for every packet", () => {
  const made = machineWith(
    `${HEAD} local t t = { hook = function() t.hook = function() return 0 end return 1 end } at(t)`,
  );
  expect(send(made).verdict).toBe("accept");
  expect(send(made).verdict).toBe("drop");
});

test("fields may come from a metatable", () => {
  const made =
    machineWith(`${HEAD} local class = { pf = 2, hooknum = 1, priority = 0, hook = function() return 0 end }
    netfilter.register(setmetatable({}, { __index = class }))`);
  expect(send(made).verdict).toBe("drop");
});

test("a tail call in a hook counts as its result", () => {
  const made = machineWith(`${HEAD} local function f(n) if n == 0 then return 0, 4 end return f(n - 1) end
    at{ hook = function() return f(5000) end }`);
  expect(send(made)).toMatchObject({ verdict: "drop", mark: 4 });
});

test("a hook outlives its handle and stops with its runtime", () => {
  const made = machineWith(`${HEAD} at{ hook = function() return 0 end } collectgarbage()`);
  expect(send(made).verdict).toBe("drop");
  made.runtime.stop();
  made.runtime.stop();
  expect(send(made).verdict).toBe("accept");
});

describe("register", () => {
  test.each([
    ["netfilter.register()", "bad argument #1 to 'register' (table expected, got no value)"],
    ["netfilter.register(5)", "bad argument #1 to 'register' (table expected, got number)"],
    ["netfilter.register{}", "bad field 'pf' (number expected, got nil)"],
    ["netfilter.register{ pf = '2' }", "bad field 'pf' (number expected, got string)"],
    ["netfilter.register{ pf = 2 }", "bad field 'hooknum' (number expected, got nil)"],
    ["netfilter.register{ pf = 2, hooknum = 1 }", "bad field 'priority' (number expected, got nil)"],
    ["at{ mark = 'x' }", "bad field 'mark' (number expected, got string)"],
    ["at{ hooknum = 5 }", "failed to register netfilter hook"],
    ["at{ hooknum = -1 }", "failed to register netfilter hook"],
    ["at{ pf = nf.proto.BRIDGE }", "failed to register netfilter hook"],
  ])("%s", (call, message) => {
    const line = call.startsWith("at") ? 3 : 4;
    expect(failureOf(`${HEAD}\n${call}`)).toBe(`test.lua:${line}: ${message}`);
  });

  test("the family is truncated to 8 bits, the priority to 32", () => {
    const made = machineWith(
      `${HEAD} at{ pf = 0x102, priority = 0xffffffff, hook = function() print("minus one") end }
       at{ priority = 0, hook = function() print("zero") end }`,
    );
    send(made);
    expect(made.log).toEqual(["info: minus one"]);
  });

  test.each(["process", "hardirq"] as const)("not in a %s runtime", (context) => {
    const source = `${HEAD}\nat{ hook = function() return 0 end }`;
    expect(failureOf(source, { context })).toBe("test.lua:3: runtime context mismatch");
  });

  test("an undecided runtime becomes softirq", () => {
    expect(machine().runtime.context).toBe("auto");
    expect(machineWith("return 1").runtime.context).toBe("process");
    expect(machineWith(`${HEAD} at{}`).runtime.context).toBe("softirq");
  });

  test("a script that fails later leaves no hook", () => {
    const source = `${HEAD} at{ hook = function() return 0 end } error("late")`;
    expect(failureOf(source)).toMatch(/late/);
  });
});
