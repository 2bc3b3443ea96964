/** Strings that compiled hooks keep for later packets: the same as in the Lua VM, packet for packet. */

import { describe, expect, test } from "vitest";
import { EXAMPLE_LAYOUT, runBytes, STRINGS } from "../../src/compiler/target.ts";
import { ipPacket } from "../../src/kernel/testing.ts";
import { InterpretedHook, type Outcome, VmHook } from "../differential/hook-machines.ts";

/** `text` is what a packet brings, `d` its bytes. */
const script = (
  head: string,
  body: string,
): string => `local netfilter, nf = require("netfilter"), require("linux.nf")
${head}
netfilter.register{ pf = nf.proto.IPV4, hooknum = nf.inet.LOCAL_OUT, priority = 0, hook = function(skb)
local d = skb:data() local text = #d > 28 and d:getstring(28) or ""
${body}
return 1 end }`;

const packetOf = (text: string): Uint8Array => ipPacket({ payload: Buffer.from(text, "latin1") });

interface Machines {
  vm(text: string): Outcome;
  compiled(text: string): Outcome;
}

function machines(head: string, body: string, ringBytes?: number): Machines {
  const vm = new VmHook(script(head, body));
  const compiled = vm.compile(EXAMPLE_LAYOUT, ringBytes);
  expect(compiled.refusals).toEqual([]);
  const hook = new InterpretedHook(vm, compiled, EXAMPLE_LAYOUT);
  return { vm: (text) => vm.run(packetOf(text)), compiled: (text) => hook.run(packetOf(text), 20) };
}

/** The lines of both, which are the same. */
function lines(head: string, body: string, texts: readonly string[], ringBytes?: number): string[] {
  const both = machines(head, body, ringBytes);
  return texts.flatMap((text) => {
    const wanted = both.vm(text);
    expect(both.compiled(text)).toEqual(wanted);
    return wanted.lines;
  });
}

describe("strings that are kept", () => {
  test.each<[string, string, string, string[], string[]]>([
    [
      "in a variable, read after it was written over",
      'local last = "none"',
      "local before = last last = text print(before, last, before == last, #before)",
      ["one", "one", "three", "", "x"],
      [
        "none\tone\tfalse\t4",
        "one\tone\ttrue\t3",
        "one\tthree\tfalse\t3",
        "three\t\tfalse\t5",
        "\tx\tfalse\t0",
      ],
    ],
    [
      "in a variable, together",
      'local all = ""',
      "all = all .. text print(all, #all) if #all > 8 then all = '' end",
      ["ab", "cdefgh", "ijk", "l"],
      ["ab\t2", "abcdefgh\t8", "abcdefghijk\t11", "l\t1"],
    ],
    [
      "in a variable that may hold anything",
      "local v",
      `print(v, type(v))
      local kind = text:byte() or 0
      if kind == 97 then v = text elseif kind == 98 then v = #text elseif kind == 99 then v = nil
      elseif kind == 100 then v = kind > 0 elseif kind == 101 then v = "constant" end`,
      ["a1", "bb", "a2", "c", "a3", "d", "e", "a4", "x", "x"],
      [
        "nil\tnil",
        "a1\tstring",
        "2\tnumber",
        "a2\tstring",
        "nil\tnil",
        "a3\tstring",
        "true\tboolean",
        "constant\tstring",
        "a4\tstring",
        "a4\tstring",
      ],
    ],
    [
      "in a field of a table from the time of loading",
      'local seen = { name = "nobody", count = 0 }',
      "print(seen.name, seen.count) seen.name, seen.count = text:upper(), seen.count + 1",
      ["a", "bc", "def"],
      ["nobody\t0", "A\t1", "BC\t2"],
    ],
    [
      "in tables that hooks make",
      "local flows = {}",
      `local key = text:sub(1, 1) local flow = flows[key]
      if not flow then flow = { parts = "", first = text } flows[key] = flow end
      flow.parts = flow.parts .. "<" .. text .. ">" print(flow.first, flow.parts)
      if #text > 3 then flows[key] = nil end`,
      ["a1", "b1", "a2", "b234", "b3", "a3"],
      ["a1\t<a1>", "b1\t<b1>", "a1\t<a1><a2>", "b1\t<b1><b234>", "b3\t<b3>", "a1\t<a1><a2><a3>"],
    ],
    [
      "as values of a table, and deleted",
      "local names = { [7] = 'seven' }",
      `local n = #text print(n, names[n], names[7]) if text:find("-", 1, true) then names[n] = nil else names[n] = text end`,
      ["abc", "xyz", "-ab", "abc", "long-er", "abc", "seventh"],
      [
        "3\tnil\tseven",
        "3\tabc\tseven",
        "3\txyz\tseven",
        "3\tnil\tseven",
        "7\tseven\tseven",
        "3\tabc\tnil",
        "7\tnil\tnil",
      ],
    ],
    [
      "two at once, from and to the same places",
      'local a, b, t = "A", "B", { x = "X" }',
      "a, b, t.x = b, t.x, text print(a, b, t.x) local x, y = a, b a = y print(x, y, a)",
      ["1", "2", "3"],
      ["B\tX\t1", "B\tX\tX", "X\t1\t2", "X\t1\t1", "1\t2\t3", "1\t2\t2"],
    ],
    [
      "and used as every other string is",
      'local last, words = "first word", { first = 1, second = 2 }',
      `local before = last last = text
      print(before:byte(1), before:sub(-4), before:upper(), before:match("^%a+"), words[before:match("^%a+") or 0], (before:find(" ", 1, true)))
      print(before == "\\3abc", before .. "!", ("%s/%d"):format(before, #before), (before:gsub("%A", "_")))
      print(string.unpack("s1", before))`,
      ["\x03abc", "second", "\x02no"],
      [
        "102\tword\tFIRST WORD\tfirst\t1\t6",
        "false\tfirst word!\tfirst word/10\tfirst_word",
        "bad argument #2 to 'unpack' (data string too short)",
        "3\t\x03abc\t\x03ABC\tnil\tnil\tnil",
        "true\t\x03abc!\t\x03abc/4\t_abc",
        "abc\t5",
      ],
    ],
  ])("%s", (_, head, body, texts, wanted) => {
    const got = lines(head, body, texts);
    expect(got.map((line) => line.replace(/^test\.lua:\d+: /, "")).slice(0, wanted.length)).toEqual(wanted);
  });

  test("as keys", () => {
    const got = lines(
      'local last, count = "", {}',
      "count[last] = (count[last] or 0) + 1 print(last, count[last], count[text]) last = text",
      ["a", "b", "a", "a", "a"],
    );
    expect(got).toEqual(["\t1\tnil", "a\t1\tnil", "b\t1\t1", "a\t2\t2", "a\t3\t3"]);
  });

  test("of any bytes and of any length", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const texts = [all, "", "\0", "\0\0", all.slice(0, 63), all.slice(1, 65), all.repeat(9), "end"];
    const got = lines(
      "local last, sum = '', 0",
      `local n = 0 for i = 1, #last do n = (n * 31 + last:byte(i)) % 1000003 end print(#last, n, last == text)
      last = text`,
      texts,
    );
    expect(got.at(-1)).toMatch(/^2304\t\d+\tfalse$/);
  });
});

describe("the ring", () => {
  /** Small, so that it goes round. */
  const RING = 4096;
  const texts = Array.from({ length: 400 }, (_, i) => `${i} ${"x".repeat((i * 37) % 200)}`);

  test("goes round under what is written over all the time", () => {
    lines(
      'local last, before = "", {}',
      "print(last, before.x) before.x = last last = text if #text == 9 then last = nil last = '' end",
      texts,
      RING,
    );
  });

  test("does not forget a variable", () => {
    const got = lines(
      "local first, last, n = nil, nil, 0",
      "n = n + 1 if n == 1 then first = text end last = text if n == 400 then print(first, #last) end",
      ["the first of all", ...texts.slice(1)],
      RING,
    );
    expect(got).toEqual([`the first of all\t${texts.at(-1)!.length}`]);
  });

  const KEEPER = `local key = text:match("^[a-z]+") or "rest"
    if text:find("?", 1, true) then print(names[key]) else names[key] = text end`;

  test("does not forget what is read now and then", () => {
    const asked = texts.flatMap((text, i) => (i % 4 === 0 ? [text, "alice?"] : [text]));
    const got = lines("local names = {}", KEEPER, ["alice in chains", ...asked], RING);
    expect(new Set(got)).toEqual(new Set(["alice in chains"]));
  });

  test("forgets what nobody reads, and says so", () => {
    const { vm, compiled } = machines("local names = {}", KEEPER, RING);
    for (const text of ["alice in chains", ...texts]) expect(compiled(text)).toEqual(vm(text));
    expect(vm("alice?").lines).toEqual(["alice in chains"]);
    expect(compiled("alice?")).toMatchObject({
      verdict: "accept",
      lines: ["test.lua:6: a string was forgotten: too many are kept"],
    });
    // Only that one: it can be kept again.
    expect(compiled("alice again").lines).toEqual([]);
    expect(compiled("alice?").lines).toEqual(["alice again"]);
  });

  test("keeps no more of one packet than what it has read may stand", () => {
    const { compiled } = machines(
      'local last = "before"',
      "local before = last for i = 1, 9 do last = text end print(before, last == text)",
      RING,
    );
    expect(compiled("short").lines).toEqual(["before\ttrue"]);
    expect(compiled("y".repeat(runBytes(RING) / 4)).lines).toEqual([
      `test.lua:5: not enough memory: more than ${runBytes(RING)} bytes to keep in one run`,
    ]);
  });
});

test("a string that is too long to keep is an error, with its length and the bound", () => {
  const body = `local many = text for i = 1, 5 do many = many .. many end
    local ok, why = pcall(function() last = many end) print(#many, ok, why) last = many print("kept")`;
  const { compiled } = machines('local last = ""', body);
  const most = STRINGS.mostBytes;
  expect(compiled("x".repeat(1023)).lines).toEqual(["32736\ttrue\tnil", "kept"]);
  expect(compiled("x".repeat(1024)).lines).toEqual([
    `32768\tfalse\ttest.lua:6: not enough memory: a longer string to keep than ${most} at most`,
    `test.lua:6: not enough memory: a string of 32768 bytes to keep, ${most} at most`,
  ]);
  expect(compiled("short").lines).toEqual(["160\ttrue\tnil", "kept"]);
});
