import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../wire/decode-error.ts";
import { numRuns } from "../wire/testing.ts";
import { assemble } from "./assemble.ts";
import { Btf, BtfError } from "./btf.ts";
import { BTF_VOID, BtfBuilder } from "./btf-builder.ts";
import { bpf_func_info, bpf_line_info } from "./btf-layout.ts";
import { programBtf } from "./program-btf.ts";
import { ProgramBuilder } from "./program-builder.ts";

/** A structure, a pointer to it, an array of it, a function that takes it. */
function example(): { btf: Btf; bytes: Uint8Array; ids: Record<string, number> } {
  const builder = new BtfBuilder();
  const u32 = builder.integer("unsigned int", 4);
  const s64 = builder.integer("long", 8, true);
  const pair = builder.struct("pair", 16, [
    { name: "key", typeId: u32, offsetBytes: 0 },
    { name: "value", typeId: s64, offsetBytes: 8 },
  ]);
  const pairs = builder.array(pair, 3);
  const outer = builder.struct("outer", 52, [
    { name: "lock", typeId: builder.spinLock(), offsetBytes: 0 },
    { name: "pairs", typeId: pairs, offsetBytes: 4 },
  ]);
  const pointer = builder.pointer(pair);
  const look = builder.function("look", [["what", pointer]], u32, "BTF_FUNC_GLOBAL");
  const bytes = builder.encode();
  return { btf: new Btf(bytes), bytes, ids: { u32, s64, pair, pairs, outer, pointer, look } };
}

describe("BTF", () => {
  const { btf, bytes, ids } = example();

  test.each([
    ["u32", { kind: "BTF_KIND_INT", name: "unsigned int", size: 4, typeId: undefined }],
    ["pair", { kind: "BTF_KIND_STRUCT", name: "pair", size: 16, typeId: undefined }],
    ["pairs", { kind: "BTF_KIND_ARRAY", name: "", size: undefined, typeId: undefined }],
    ["pointer", { kind: "BTF_KIND_PTR", name: "", size: 8, typeId: ids["pair"] }],
    ["look", { kind: "BTF_KIND_FUNC", name: "look", size: undefined }],
  ])("type %s reads as it was built", (name, type) => {
    expect(btf.type(ids[name]!)).toMatchObject({ id: ids[name], ...type });
  });

  test("members, parameters, arrays, sizes", () => {
    expect(btf.members(ids["pair"]!)).toEqual([
      { name: "key", typeId: ids["u32"], offsetBits: 0, fieldBits: 0 },
      { name: "value", typeId: ids["s64"], offsetBits: 64, fieldBits: 0 },
    ]);
    expect(btf.parameters(ids["look"]!)).toEqual([{ name: "what", typeId: ids["pointer"] }]);
    expect(btf.array(ids["pairs"]!)).toEqual({ typeId: ids["pair"], length: 3 });
    expect([ids["pairs"]!, ids["outer"]!, ids["pointer"]!, BTF_VOID].map((id) => btf.sizeOf(id))).toEqual([
      48, 52, 8, 0,
    ]);
    expect(btf.member("outer", "lock.val")).toMatchObject({ offset: 0, size: 4, typeId: ids["u32"] });
    expect(btf.member("pair", "value")).toMatchObject({ offset: 8, offsetBits: 64, size: 8 });
  });

  test("names find types, of the kind asked for only", () => {
    expect(btf.find("BTF_KIND_STRUCT", "pair")).toBe(ids["pair"]);
    expect(btf.functionId("look")).toBe(ids["look"]);
    // "air" ends "pair", and "pair" begins nothing.
    for (const name of ["air", "pai", "pairs", ""]) expect(btf.find("BTF_KIND_STRUCT", name)).toBe(undefined);
    expect(btf.find("BTF_KIND_FUNC", "pair")).toBe(undefined);
  });

  test("what is missing is named", () => {
    expect(() => btf.functionId("dance")).toThrow(new BtfError("this kernel has no function dance"));
    expect(() => btf.member("hat", "x")).toThrow("this kernel has no struct hat");
    expect(() => btf.member("pair", "x")).toThrow("struct pair has no 'x' in this kernel");
    expect(() => btf.type(99)).toThrow("there is no type 99");
    expect(() => btf.type(0)).toThrow("there is no type 0");
    expect(() => btf.members(ids["u32"]!)).toThrow(/type 1 is BTF_KIND_INT, not BTF_KIND_STRUCT/);
  });

  test("equal types share an id, equal strings their place", () => {
    const builder = new BtfBuilder();
    expect(builder.integer("int", 4)).toBe(builder.integer("int", 4));
    expect(builder.integer("int", 4, true)).not.toBe(builder.integer("int", 4));
    expect(builder.string("a")).toBe(builder.string("a\0b"));
  });

  test("bytes that are no BTF end in an error of ours", () => {
    expect(() => new Btf(new Uint8Array(24))).toThrow("no BTF: it begins with 0x0");
    expect(() => new Btf(new Uint8Array(3))).toThrow(DecodeError);
    for (let length = 0; length < bytes.length; length++)
      expect(() => new Btf(bytes.subarray(0, length))).toThrow(/cut off|needs/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (changes) => {
          const changed = bytes.slice();
          for (const [at, value] of changes) changed[at] = value;
          try {
            const read = new Btf(changed);
            for (let id = 1; id <= read.typeCount; id++) read.type(id);
          } catch (error) {
            if (!(error instanceof BtfError) && !(error instanceof DecodeError)) throw error;
          }
        },
      ),
      { numRuns: numRuns(2000) },
    );
  });
});

describe("BTF of a program", () => {
  const decodeAll = <T>(
    layout: { size: number; decode(bytes: Uint8Array, at: number): T },
    all: Uint8Array,
  ) => Array.from({ length: all.length / layout.size }, (_, i) => layout.decode(all, i * layout.size));

  test("functions, and a line where the source changes", () => {
    const program = assemble("r0 = 1\ncall f\nexit\nf:\nr0 = 1\nexit");
    const { btf, funcInfo, lineInfo } = programBtf(program, ({ line }) => `text ${line}`);
    const read = new Btf(btf);
    expect(
      decodeAll(bpf_func_info, funcInfo).map(({ insn_off, type_id }) => [insn_off, read.type(type_id).name]),
    ).toEqual([
      [0, "main"],
      [3, "f"],
    ]);
    expect(
      decodeAll(bpf_line_info, lineInfo).map(({ insn_off, line_col }) => [insn_off, line_col >> 10]),
    ).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 5],
      [4, 6],
    ]);
  });

  test("instructions without a place go with those before them; a function's start always has a record", () => {
    const builder = new ProgramBuilder();
    const f = builder.label("not an identifier");
    builder.span = { chunk: "a.lua", line: 7, column: 5000 };
    builder.emitConstant(0, 1, 0);
    builder.span = undefined;
    builder.emitTo("call", f);
    builder.emit("exit");
    builder.place(f);
    builder.emit("exit");
    const { btf, lineInfo, funcInfo } = programBtf(builder.build());
    expect(
      decodeAll(bpf_line_info, lineInfo).map(({ insn_off, line_col }) => [
        insn_off,
        line_col >> 10,
        line_col & 1023,
      ]),
    ).toEqual([
      [0, 7, 1023],
      [4, 7, 1023],
    ]);
    const [, second] = decodeAll(bpf_func_info, funcInfo);
    expect(new Btf(btf).type(second!.type_id).name).toBe("not_an_identifier");
  });

  test("a program without places has no lines", () => {
    const builder = new ProgramBuilder();
    builder.emit("exit");
    expect(programBtf(builder.build()).lineInfo).toHaveLength(0);
  });
});
