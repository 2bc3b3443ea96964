import { expect, test } from "vitest";
import { BPF_FUNC } from "../uapi/bpf.ts";
import { IrFunction } from "./ir.ts";
import { optimize } from "./optimize.ts";
import { printIr } from "./print-ir.ts";
import { build, to } from "./testing/build-ir.ts";

const text = (ir: IrFunction): string => printIr(optimize(ir));

test("a parameter that always gets the same goes, round a loop and through another one too", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const header = build(ir);
  const body = build(ir);
  const after = build(ir);
  const input = entry.input();
  const counter = header.parameter();
  const first = header.parameter();
  const second = header.parameter();
  const constant = header.parameter();
  entry.jump(header.block, 0n, input, input, 7n);
  header.branch("jge", counter, 10n, to(after), to(body));
  // The two change places, which makes no difference as both are the input.
  body.jump(header.block, body.binary("add", counter, constant), second, first, constant);
  after.return(after.binary("add", first, second));
  expect(text(ir)).toBe(`b0() of f:
  v0 = mapValue state + 0
  v1 = load64 [v0]
  jump b1(0)

b1(v2: int):
  jge v2, 10 then b3() else b2()

b3():
  v7 = lsh v1, 1
  return v7

b2():
  v6 = add v2, 7
  jump b1(v6)
`);
});

test("parameters that differ stay", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const header = build(ir);
  const after = build(ir);
  const a = entry.input(0);
  const b = entry.input(8);
  const first = header.parameter();
  const second = header.parameter();
  entry.jump(header.block, a, b);
  header.branch("jne", first, 0n, to(header, second, first), to(after));
  after.return(second);
  expect(text(ir)).toContain("jne v4, 0 then b1(v5, v4) else b2()");
});

test("a branch that constants decide leaves one way, and blocks in a row become one", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const never = build(ir);
  const between = build(ir);
  const end = build(ir);
  const seven = entry.binary("add", 3n, 4n);
  entry.branch("jsgt", seven, 100n, to(never), to(between, seven));
  never.return(1n);
  const passed = between.parameter();
  between.jump(end.block, passed);
  const returned = end.parameter();
  end.return(end.binary("mul", returned, 2n));
  expect(text(ir)).toBe("b0() of f:\n  return 14\n");
});

test("empty blocks are passed by, with their arguments, unless others read their parameters", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const left = build(ir);
  const right = build(ir);
  const end = build(ir);
  const input = entry.input();
  const given = left.parameter();
  const result = end.parameter();
  entry.branch("jeq", input, 1n, to(left, 5n), to(right));
  left.jump(end.block, given);
  right.jump(end.block, input);
  end.return(result);
  expect(text(ir)).toContain("jeq v1, 1 then b3(5) else b3(v1)");
});

test("a check that ranges decide stays: the verifier may need it", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const trap = build(ir);
  const rest = build(ir);
  const known = ir.value("int", { low: 0n, high: 10n });
  const from = ir.value("pointer");
  entry.emit({ op: "mapValue", symbol: "state", offset: 0, result: from });
  entry.emit({ op: "load", size: 8, from, offset: 0, result: known });
  entry.branch("jgt", known, 20n, to(trap), to(rest));
  trap.return(0n);
  rest.return(known);
  expect(text(ir)).toContain("jgt v0, 20 then");
});

test("results that nobody reads go, effects stay", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const loop = build(ir);
  const end = build(ir);
  const input = entry.input();
  entry.binary("div", input, 3n);
  const time = entry.call(BPF_FUNC.BPF_FUNC_ktime_get_ns);
  const rounds = loop.parameter();
  const idle = loop.parameter();
  entry.jump(loop.block, 3n, time);
  loop.branch(
    "jeq",
    rounds,
    0n,
    to(end),
    to(loop, loop.binary("sub", rounds, 1n), loop.binary("add", idle, 1n)),
  );
  end.return(0n);
  const after = text(ir);
  expect(after).toContain("helper 5()");
  expect(after).not.toContain("load64");
  expect(after).not.toContain("div");
  expect(after).toContain("b1(v4: int):");
});

test("a load is not repeated until something may have written", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const from = ir.value("pointer");
  entry.emit({ op: "mapValue", symbol: "state", offset: 0, result: from });
  const first = entry.load(from, 8);
  const second = entry.load(from, 8);
  const other = entry.load(from, 16);
  entry.emit({ op: "store", size: 1, to: from, offset: 8, value: 1n, result: undefined });
  const third = entry.load(from, 8);
  const sum = entry.binary("add", entry.binary("add", first, other), entry.binary("xor", second, third));
  entry.return(sum);
  const after = text(ir);
  expect(after.match(/load64 \[v0 \+ 8\]/g)).toHaveLength(2);
  expect(after).toContain("xor v1, v4");
});

test("a constant never stands for an address or for what an atomic adds", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const end = build(ir);
  const from = ir.value("pointer");
  entry.emit({ op: "mapValue", symbol: "state", offset: 0, result: from });
  const added = end.parameter();
  entry.jump(end.block, entry.binary("add", 1n, 2n));
  end.emit({ op: "atomicAdd", size: 8, to: from, offset: 0, value: added, result: undefined });
  end.return(0n);
  const after = text(ir);
  expect(after).toContain("v2 = add 1, 2");
  expect(after).toContain("atomicAdd64 [v0], v2");
});

test("an edge that knows how an empty block decides goes there at once, unless its parameter is read elsewhere", () => {
  const decided = (isReadElsewhere: boolean): string => {
    const ir = new IrFunction("f");
    const entry = build(ir, ir.entry);
    const other = build(ir);
    const test = build(ir);
    const yes = build(ir);
    const no = build(ir);
    const input = entry.input();
    const isSo = test.parameter();
    entry.branch("jeq", input, 5n, to(test, 1n), to(other));
    other.jump(test.block, other.input(8));
    test.branch("jne", isSo, 0n, to(yes), to(no));
    yes.return(2n);
    no.return(isReadElsewhere ? isSo : 3n);
    return text(ir);
  };
  expect(decided(false)).toContain("jeq v1, 5 then b3() else");
  expect(decided(true)).toContain("jeq v1, 5 then b2(1) else");
});
