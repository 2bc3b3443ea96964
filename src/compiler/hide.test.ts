import { expect, test } from "vitest";
import { hide } from "./hide.ts";
import { IrFunction } from "./ir.ts";
import { printIr } from "./print-ir.ts";
import { build, to } from "./testing/build-ir.ts";

const text = (ir: IrFunction): string => printIr(hide(ir));

test("a number on which ways differ meets as one of which nothing is known, where it decides something", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const after = build(ir);
  const yes = build(ir);
  const no = build(ir);
  const decides = after.parameter();
  const stored = after.parameter();
  entry.branch("jeq", entry.input(), 0n, to(after, 1n, 2n), to(after, 3n, 4n));
  const place = after.ir.value("pointer");
  after.emit({ op: "mapValue", symbol: "state", offset: 0, result: place });
  after.emit({ op: "store", size: 8, to: place, offset: 0, value: stored, result: undefined });
  after.branch("jeq", decides, 1n, to(yes), to(no));
  yes.return(0n);
  no.return(1n);
  const printed = text(ir);
  expect(printed.match(/load64/g)).toHaveLength(3);
  expect(printed).toMatch(/(v\d+) = add v\d+, 1\n {2}jump b1\(\1, 2\)/);
  expect(printed).toMatch(/(v\d+) = add v\d+, 3\n {2}jump b1\(\1, 4\)/);
});

test("what is returned stays as it is", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const after = build(ir);
  const result = after.parameter();
  entry.branch("jeq", entry.input(), 0n, to(after, 0n), to(after, 1n));
  after.return(result);
  expect(text(ir)).toContain("then b1(0) else b1(1)");
});

/** A comparison of a word with 5, which ways that meet behind it read again. */
function compared(isShown: boolean, isCold: boolean, isReadAgain: boolean): string {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const then = build(ir);
  const after = build(ir);
  then.block.isCold = isCold;
  const input = entry.input();
  entry.end({
    op: "branch",
    comparison: "jeq",
    left: input,
    right: 5n,
    then: to(then),
    otherwise: to(after),
    ...(isShown && { isShown }),
  });
  then.jump(after.block);
  after.return(isReadAgain ? after.call(7, [input]) : 0n);
  return text(ir);
}

test("a comparison is of a difference when ways that meet read the number again", () => {
  expect(compared(false, false, true)).toContain("= sub 5, v1\n  jeq v3, 0 then b1() else b2()");
  expect(compared(false, false, false)).toContain("jeq v1, 5 then b1() else b2()");
});

test("what the verifier has to see stays, and so does what leads out of a run", () => {
  expect(compared(true, false, true)).toContain("jeq v1, 5");
  expect(compared(false, true, true)).toContain("jeq v1, 5");
});

test("numbers of any size are compared without differences, which could wrap around", () => {
  const ir = new IrFunction("f");
  const entry = build(ir, ir.entry);
  const then = build(ir);
  const after = build(ir);
  const input = entry.input();
  entry.branch("jslt", input, 5n, to(then), to(after));
  then.jump(after.block);
  after.return(after.call(7, [input]));
  expect(text(ir)).toMatch(
    /v0 = mapValue state \+ 0\n.*\n.*mapValue config \+ 0\n.*load64.*\n.*(v\d+) = add .*, v1\n {2}jslt \1, 5/,
  );
});
