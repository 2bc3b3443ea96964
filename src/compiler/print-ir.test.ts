import { expect, test } from "vitest";
import { IrFunction, StackSlot } from "./ir.ts";
import { printIr } from "./print-ir.ts";
import { build, to } from "./testing/build-ir.ts";

test("every kind of instruction and end has its text, with the Lua line where it changes", () => {
  const ir = new IrFunction("hook");
  const entry = build(ir, ir.entry);
  const context = entry.parameter("pointer");
  const cold = build(ir);
  cold.block.isCold = true;
  const rest = build(ir);
  const slot = ir.value("pointer");
  const map = ir.value("pointer");
  const value = ir.value("pointer");
  const skb = ir.value("pointer");
  entry.span = { chunk: "drop.lua", line: 3 };
  entry.emit({ op: "stackAddress", slot: new StackSlot("key", 4), result: slot });
  entry.emit({ op: "map", symbol: "seen", result: map });
  entry.span = { chunk: "drop.lua", line: 4 };
  entry.emit({ op: "mapValue", symbol: "state", offset: 16, result: value });
  const loaded = entry.load(value, 8);
  entry.emit({ op: "store", size: 4, to: slot, offset: -4, value: 0x123456789abn, result: undefined });
  entry.emit({ op: "atomicAdd", size: 4, to: value, offset: 0, value: loaded, result: undefined });
  const swapped = ir.value("int");
  entry.emit({ op: "swap", bits: 16, result: swapped, operand: loaded });
  const negated = ir.value("int");
  entry.emit({ op: "negate", result: negated, operand: -0x123456789abn });
  entry.emit({ op: "kfunc", name: "bpf_cast_to_kern_ctx", args: [context], result: skb });
  entry.emit({ op: "helper", helper: 1, args: [map, slot], result: undefined });
  entry.branch("jset", entry.binary("sdiv", swapped, negated), 1n, to(cold, 5n), to(rest));
  const code = cold.parameter();
  cold.return(code);
  const last = build(ir);
  rest.end({ op: "mayGoto", exit: to(cold, 1n), next: to(last) });
  last.jump(rest.block);
  expect(printIr(ir)).toBe(`b0(v0: pointer) of hook:
  v1 = stackAddress key (4 bytes)                        ; drop.lua:3
  v2 = map seen
  v3 = mapValue state + 16                               ; drop.lua:4
  v5 = load64 [v3 + 8]
  store32 [v1 - 4], 0x123456789ab
  atomicAdd32 [v3], v5
  v6 = swap16 v5
  v7 = negate -0x123456789ab
  v4 = kfunc bpf_cast_to_kern_ctx(v0)
  helper 1(v2, v1)
  v8 = sdiv v6, v7
  jset v8, 1 then b1(5) else b2()

b2():
  mayGoto b1(1) else b3()

b1(v9: int), cold:
  return v9

b3():
  jump b2()
`);
});
