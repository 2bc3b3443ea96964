import { expect, test } from "vitest";
import { disassemble } from "./disassemble.ts";
import { ProgramBuilder, spanOfSlot } from "./program-builder.ts";

test("labels, maps, constants and calls", () => {
  const builder = new ProgramBuilder();
  const miss = builder.label("miss");
  builder.emitMap(1, "seen");
  builder.emitConstant(3, 0x55667788, 0x11223344);
  builder.emit("call_helper", { imm: 1 });
  builder.emitTo("jeq_imm", miss, { dst: 0, imm: 0 });
  builder.emit("mov64_imm", { dst: 0, imm: 1 });
  builder.place(miss);
  builder.emit("exit");
  const program = builder.build();
  expect(disassemble(program.instructions)).toBe(
    "r1 = map seen ll\nr3 = 0x1122334455667788 ll\ncall bpf_map_lookup_elem#1\nif r0 == 0 goto pc+1\nr0 = 1\nexit\n",
  );
  expect(program.labels.get("miss")).toBe(7);
});

test("a slot of the kernel's log leads to the Lua line", () => {
  const builder = new ProgramBuilder();
  builder.span = { chunk: "drop.lua", line: 3, column: 9 };
  builder.emitConstant(1, 1, 0);
  builder.span = { chunk: "drop.lua", line: 4 };
  builder.emit("exit");
  const program = builder.build();
  expect([0, 1, 2, 3].map((slot) => spanOfSlot(program, slot)?.line)).toEqual([3, 3, 4, undefined]);
});

test("a far plain jump becomes gotol, a far branch is an error", () => {
  const far = (name: "ja" | "jeq_imm"): string => {
    const builder = new ProgramBuilder();
    const end = builder.label("end");
    builder.emitTo(name, end, {});
    for (let i = 0; i < 40_000; i++) builder.emit("mov64_imm", { dst: 0 });
    builder.place(end);
    builder.emit("exit");
    return disassemble(builder.build().instructions.slice(0, 1));
  };
  expect(far("ja")).toBe("gotol pc+40000\n");
  expect(() => far("jeq_imm")).toThrow("jeq_imm cannot reach label end, 40000 slots away");
});

test("a label is placed once, and somewhere", () => {
  const builder = new ProgramBuilder();
  const label = builder.label();
  builder.emitTo("ja", label);
  expect(() => builder.build()).toThrow("label L0 is nowhere");
  builder.place(label);
  expect(() => builder.place(label)).toThrow("label L0 is placed twice");
});
