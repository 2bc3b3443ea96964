import { describe, expect, test } from "vitest";
import type { Expression } from "../lua/ast.ts";
import { parse } from "../lua/parser.ts";
import { LuaState } from "../lua/state.ts";
import { bytesFromLatin1 } from "../util/latin1.ts";
import { eventText } from "./event-text.ts";
import type { Captured, EventSite } from "./events.ts";

const state = new LuaState();
const SPAN = { chunk: "script.lua", line: 7, column: 3 };

/** What `print(…)` prints in a program; globals of one letter are holes, captured as `captures` says. */
function siteOf(
  list: string,
  captures: Record<string, Captured>,
  kind: EventSite["kind"] = "print",
): EventSite {
  const statement = parse(`print(${list})`, "=print").main.body.statements[0]!;
  if (statement.kind !== "callstat") throw new Error("not a call");
  const expressions = statement.call.args;
  const captured: { hole: Expression; as: Captured }[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const e = node as Expression;
    if (e.kind === "global" && captures[e.name]) captured.push({ hole: e, as: captures[e.name]! });
    else if (e.kind === "binary") [e.left, e.right].forEach(visit);
    else if (e.kind === "call") [e.callee, ...e.args].forEach(visit);
    else if (e.kind === "index") visit(e.object);
  };
  expressions.forEach(visit);
  return { kind, span: SPAN, message: undefined, expressions, captured };
}

type Part = bigint | { readonly text: string; readonly length?: number; readonly room: number };

function recordOf(...parts: Part[]): Uint8Array {
  const bytes: number[] = [];
  const word = (value: bigint) => bytes.push(...new Uint8Array(BigInt64Array.of(value).buffer));
  for (const part of parts) {
    if (typeof part === "bigint") {
      word(part);
      continue;
    }
    word(BigInt(part.length ?? part.text.length));
    const room = new Uint8Array((part.room + 7) & ~7).fill(0x21);
    room.set(bytesFromLatin1(part.text));
    bytes.push(...room);
  }
  return Uint8Array.from(bytes);
}

const int: Captured = { kind: "int" };
const bool: Captured = { kind: "bool" };
const string = (room: number): Captured => ({ kind: "string", room });
const constant = (value: string | undefined): Captured => ({ kind: "constant", value });
const either: Captured = {
  kind: "union",
  alternatives: [
    [4n, constant(undefined)],
    [9n, string(5)],
    [2n, int],
  ],
};

describe("what is printed", () => {
  test.each<[string, string, Record<string, Captured>, Part[], string]>([
    ["nothing", "", {}, [], ""],
    ["constants of the script", "'a', 12, nil, true", {}, [], "a\t12\tnil\ttrue"],
    ["integers of 64 bits", "a, b", { a: int, b: int }, [-5n, -(2n ** 63n)], "-5\t-9223372036854775808"],
    ["booleans", "a, b", { a: bool, b: bool }, [1n, 0n], "true\tfalse"],
    ["what only the compiler knew", "a, b", { a: constant("eth0"), b: constant(undefined) }, [], "eth0\tnil"],
    [
      "strings, each in its room",
      "a, b, c",
      { a: string(13), b: string(0), c: string(3) },
      [
        { text: "ads\xff", room: 13 },
        { text: "", room: 0 },
        { text: "end", room: 3 },
      ],
      "ads\xff\t\tend",
    ],
    [
      "the beginning of a string that was cut",
      "a, b",
      { a: string(4), b: int },
      [{ text: "long", length: 700, room: 4 }, 1n],
      "long... (700 bytes)\t1",
    ],
    [
      "one of several kinds: a string",
      "a, b",
      { a: either, b: int },
      [9n, { text: "xyz", room: 5 }, 8n],
      "xyz\t8",
    ],
    ["one of several kinds: an integer", "a, b", { a: either, b: int }, [2n, 77n, 0n, 8n], "77\t8"],
    ["one of several kinds: nil", "a, b", { a: either, b: int }, [4n, 0n, 0n, 8n], "nil\t8"],
    ["what is made of them", "'<' .. a .. '>', a + 1, a == 6", { a: int }, [6n, 6n, 6n], "<6>\t7\ttrue"],
    [
      "what functions make of them",
      "f('%04x|%s', a, b)",
      { f: { kind: "constant", value: formatOf() }, a: int, b: string(2) },
      [255n, { text: "ok", room: 2 }],
      "00ff|ok",
    ],
    [
      "all results of the last call",
      "a, f('bc', 1, 2)",
      { a: int, f: { kind: "constant", value: byteOf() } },
      [1n],
      "1\t98\t99",
    ],
    [
      "the first result of others",
      "f('bc', 1, 2), a",
      { a: int, f: { kind: "constant", value: byteOf() } },
      [1n],
      "98\t1",
    ],
  ])("%s", (_, list, captures, parts, text) => {
    // Not the first of the places, as it would be by mistake.
    const sites = [siteOf("'other'", {}), siteOf(list, captures)];
    expect(eventText(state, sites, recordOf(1n, ...parts))).toEqual({ kind: "print", text });
  });

  test("what fails when its text is made is an error, at its place", () => {
    const sites = [siteOf("'<' .. a", { a: either })];
    expect(eventText(state, sites, recordOf(0n, 4n, { text: "", room: 5 }, 0n))).toEqual({
      kind: "error",
      text: expect.stringMatching(/^script\.lua:7: attempt to concatenate a nil value/),
    });
  });

  test("a function that never ends stops at the budget", () => {
    const small = new LuaState({ budget: 1000 });
    const [forever] = small.run(small.load("return function() while true do end end", "=script.lua"));
    const sites = [siteOf("f()", { f: { kind: "constant", value: forever as string } })];
    expect(eventText(small, sites, recordOf(0n))).toEqual({
      kind: "error",
      text: expect.stringMatching(/^script\.lua:\d+: instruction budget exceeded$/),
    });
  });
});

test("an error whose text is known", () => {
  const site: EventSite = {
    kind: "error",
    span: SPAN,
    message: "script.lua:7: no",
    expressions: [],
    captured: [],
  };
  expect(eventText(state, [site], recordOf(0n))).toEqual({ kind: "error", text: "script.lua:7: no" });
});

test("an error that the packet gives its value", () => {
  const sites = [siteOf("a", { a: int }, "error")];
  expect(eventText(state, sites, recordOf(0n, 12n))).toEqual({ kind: "error", text: "12" });
});

test("a punt says why", () => {
  const site: EventSite = {
    kind: "punt",
    span: SPAN,
    message: "a long string",
    expressions: [],
    captured: [],
  };
  expect(eventText(state, [site], recordOf(0n))).toEqual({ kind: "punt", text: "a long string" });
});

test("a record of no program is refused", () => {
  expect(() => eventText(state, [], recordOf(3n))).toThrow("a record of place 3, and there are 0");
  expect(() => eventText(state, [siteOf("a", { a: int })], recordOf(0n))).toThrow(RangeError);
});

function formatOf(): string {
  return libraryFunction("format");
}
function byteOf(): string {
  return libraryFunction("byte");
}
/** As a constant's value; TypeScript need not know that it is a function. */
function libraryFunction(name: string): string {
  return state.index(state.globals.get("string"), name) as string;
}
