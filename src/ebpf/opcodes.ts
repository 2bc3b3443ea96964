/**
 * The eBPF instruction set as Linux 6.18 takes it, one row for each thing an instruction can be. Everything else
 * (encoder, assembler, disassembler, tests) reads this table; only the interpreter has its own switch, and a test holds
 * it against the table.
 *
 *      63             32 31         16 15  12 11   8 7             0
 *     ├─────────────────┼─────────────┼──────┼──────┼───────────────┤
 *     │       imm       │     off     │ src  │ dst  │     code      │     little endian
 *     └─────────────────┴─────────────┴──────┴──────┴───────────────┘
 *
 *     code of ALU, ALU64, JMP, JMP32:           code of LD, LDX, ST, STX:
 *       7        4   3   2     0                  7    5 4    3 2     0
 *     ├───────────┼─────┼───────┤               ├───────┼──────┼───────┤
 *     │ operation │ K X │ class │               │ mode  │ size │ class │
 *     └───────────┴─────┴───────┘               └───────┴──────┴───────┘
 *
 * The code alone does not always say which instruction it is: signed division and sign extension are told by `off`,
 * atomics by `imm`, pseudo loads and kinds of calls by `src`. A row lists those as `fixed`; fields that neither its
 * text nor `fixed` names must be zero, as the verifier demands.
 *
 * `text` is at once documentation, what the assembler reads and what the disassembler prints. Its placeholders:
 * `{rd}` `{wd}` destination as 64 or 32 bits, `{rs}` `{ws}` source, `{imm}` immediate, `{off}` signed byte offset,
 * `{jump}` slots to jump by in off, `{jumpl}` in imm, `{call}` the function called, `{helper}` `{kfunc}` a number or a
 * name, `{imm64}` both immediates as one number, `{map}` a map (fd or name), `{at}` offset in a map's value,
 * `{spaces}` address spaces.
 */

import {
  BPF_ALU_OP,
  BPF_ATOMIC_OP,
  BPF_CLASS,
  BPF_JMP_OP,
  BPF_MODE,
  BPF_PSEUDO,
  BPF_SIZE,
  BPF_SRC,
} from "../uapi/bpf.ts";

export interface Opcode {
  readonly name: string;
  readonly code: number;
  /** Values of fields that belong to the opcode rather than to its operands. */
  readonly fixed: { readonly src?: number; readonly off?: number; readonly imm?: number };
  readonly text: string;
  /** What it does, in words of C. */
  readonly semantics: string;
  /** The first kernel release that takes it. */
  readonly since: string;
}

const { BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_JMP32, BPF_ALU64 } = BPF_CLASS;
const { BPF_K, BPF_X } = BPF_SRC;

/** Operations with two operands: name, operation, operator, semantics of `d = d op s`. */
const BINARY = [
  ["add", BPF_ALU_OP.BPF_ADD, "+=", "d += s"],
  ["sub", BPF_ALU_OP.BPF_SUB, "-=", "d -= s"],
  ["mul", BPF_ALU_OP.BPF_MUL, "*=", "d *= s"],
  ["div", BPF_ALU_OP.BPF_DIV, "/=", "d = s != 0 ? d / s : 0, unsigned"],
  ["or", BPF_ALU_OP.BPF_OR, "|=", "d |= s"],
  ["and", BPF_ALU_OP.BPF_AND, "&=", "d &= s"],
  ["lsh", BPF_ALU_OP.BPF_LSH, "<<=", "d <<= s & (width - 1)"],
  ["rsh", BPF_ALU_OP.BPF_RSH, ">>=", "d >>= s & (width - 1), zeros come in"],
  ["mod", BPF_ALU_OP.BPF_MOD, "%=", "d = s != 0 ? d % s : d, unsigned"],
  ["xor", BPF_ALU_OP.BPF_XOR, "^=", "d ^= s"],
  ["mov", BPF_ALU_OP.BPF_MOV, "=", "d = s"],
  ["arsh", BPF_ALU_OP.BPF_ARSH, "s>>=", "d >>= s & (width - 1), the sign comes in"],
] as const;

/** Signed twins, told by off = 1. */
const SIGNED = [
  ["sdiv", BPF_ALU_OP.BPF_DIV, "s/=", "d = s == 0 ? 0 : s == -1 ? -d : d / s, signed, towards zero"],
  ["smod", BPF_ALU_OP.BPF_MOD, "s%=", "d = s == 0 ? d : s == -1 ? 0 : d % s, the sign of d"],
] as const;

const COMPARISONS = [
  ["jeq", BPF_JMP_OP.BPF_JEQ, "==", "3.18"],
  ["jgt", BPF_JMP_OP.BPF_JGT, ">", "3.18"],
  ["jge", BPF_JMP_OP.BPF_JGE, ">=", "3.18"],
  ["jset", BPF_JMP_OP.BPF_JSET, "&", "3.18"],
  ["jne", BPF_JMP_OP.BPF_JNE, "!=", "3.18"],
  ["jsgt", BPF_JMP_OP.BPF_JSGT, "s>", "3.18"],
  ["jsge", BPF_JMP_OP.BPF_JSGE, "s>=", "3.18"],
  ["jlt", BPF_JMP_OP.BPF_JLT, "<", "4.14"],
  ["jle", BPF_JMP_OP.BPF_JLE, "<=", "4.14"],
  ["jslt", BPF_JMP_OP.BPF_JSLT, "s<", "4.14"],
  ["jsle", BPF_JMP_OP.BPF_JSLE, "s<=", "4.14"],
] as const;

const SIZES = [
  ["8", BPF_SIZE.BPF_B],
  ["16", BPF_SIZE.BPF_H],
  ["32", BPF_SIZE.BPF_W],
  ["64", BPF_SIZE.BPF_DW],
] as const;

const ATOMIC_BINARY = [
  ["add", BPF_ALU_OP.BPF_ADD, "+="],
  ["or", BPF_ALU_OP.BPF_OR, "|="],
  ["and", BPF_ALU_OP.BPF_AND, "&="],
  ["xor", BPF_ALU_OP.BPF_XOR, "^="],
] as const;

type Width = "32" | "64";
type Operand = "imm" | "reg";
type Size = (typeof SIZES)[number][0];
type Atomic = (typeof ATOMIC_BINARY)[number][0] | `fetch_${(typeof ATOMIC_BINARY)[number][0]}`;
/** The name of every row. */
export type OpcodeName =
  | `${(typeof BINARY)[number][0] | (typeof SIGNED)[number][0]}${Width}_${Operand}`
  | `neg${Width}`
  | `movsx32_${"8" | "16"}`
  | `movsx64_${"8" | "16" | "32"}`
  | `${"le" | "be" | "bswap"}${"16" | "32" | "64"}`
  | "addr_space_cast"
  | `${(typeof COMPARISONS)[number][0]}${"" | "32"}_${Operand}`
  | "ja"
  | "ja32"
  | "may_goto"
  | "call_helper"
  | "call_kfunc"
  | "call"
  | "exit"
  | `ldx${Size}`
  | `ldxs${"8" | "16" | "32"}`
  | `st${Size}`
  | `stx${Size}`
  | `atomic${Width}_${Atomic | "xchg" | "cmpxchg"}`
  | `${"load_acquire" | "store_release"}${Size}`
  | "ld_imm64"
  | "ld_map"
  | "ld_map_value"
  | "ld_btf_id"
  | "ld_func"
  | "ld_map_idx"
  | "ld_map_idx_value";

const rows: Opcode[] = [];
function row(
  name: OpcodeName,
  code: number,
  text: string,
  semantics: string,
  since: string,
  fixed: Opcode["fixed"] = {},
): void {
  rows.push({ name, code, text, semantics, since, fixed });
}

// Arithmetic. 32-bit operations clear the upper half of the destination.
for (const [width, bpfClass, r] of [
  ["64", BPF_ALU64, "r"],
  ["32", BPF_ALU, "w"],
] as const) {
  for (const [name, operation, operator, semantics] of BINARY) {
    row(
      `${name}${width}_imm`,
      bpfClass | operation | BPF_K,
      `{${r}d} ${operator} {imm}`,
      `${semantics}; s = imm, sign-extended`,
      "3.18",
    );
    row(
      `${name}${width}_reg`,
      bpfClass | operation | BPF_X,
      `{${r}d} ${operator} {${r}s}`,
      semantics,
      "3.18",
    );
  }
  for (const [name, operation, operator, semantics] of SIGNED) {
    const fixed = { off: 1 };
    row(
      `${name}${width}_imm`,
      bpfClass | operation | BPF_K,
      `{${r}d} ${operator} {imm}`,
      semantics,
      "6.6",
      fixed,
    );
    row(
      `${name}${width}_reg`,
      bpfClass | operation | BPF_X,
      `{${r}d} ${operator} {${r}s}`,
      semantics,
      "6.6",
      fixed,
    );
  }
  row(`neg${width}`, bpfClass | BPF_ALU_OP.BPF_NEG, `{${r}d} = -{${r}d}`, "d = -d", "3.18");
}
for (const bits of ["8", "16"] as const) {
  row(
    `movsx32_${bits}`,
    BPF_ALU | BPF_ALU_OP.BPF_MOV | BPF_X,
    `{wd} = (s${bits}){ws}`,
    "d = s, sign-extended",
    "6.6",
    {
      off: Number(bits),
    },
  );
}
for (const bits of ["8", "16", "32"] as const) {
  row(
    `movsx64_${bits}`,
    BPF_ALU64 | BPF_ALU_OP.BPF_MOV | BPF_X,
    `{rd} = (s${bits}){rs}`,
    "d = s, sign-extended",
    "6.6",
    {
      off: Number(bits),
    },
  );
}
for (const bits of ["16", "32", "64"] as const) {
  const fixed = { imm: Number(bits) };
  row(
    `le${bits}`,
    BPF_ALU | BPF_ALU_OP.BPF_END | BPF_K,
    `{rd} = le${bits} {rd}`,
    "host to little endian; cut to the width",
    "3.18",
    fixed,
  );
  row(
    `be${bits}`,
    BPF_ALU | BPF_ALU_OP.BPF_END | BPF_X,
    `{rd} = be${bits} {rd}`,
    "host to big endian; cut to the width",
    "3.18",
    fixed,
  );
  row(
    `bswap${bits}`,
    BPF_ALU64 | BPF_ALU_OP.BPF_END | BPF_K,
    `{rd} = bswap${bits} {rd}`,
    "bytes reversed; cut to the width",
    "6.6",
    fixed,
  );
}
row(
  "addr_space_cast",
  BPF_ALU64 | BPF_ALU_OP.BPF_MOV | BPF_X,
  "{rd} = addr_space_cast({rs}, {spaces})",
  "a pointer of one address space as one of another (arenas)",
  "6.9",
  { off: 1 },
);

// Control flow. Jumps count 8-byte slots from the next instruction.
row("ja", BPF_JMP | BPF_JMP_OP.BPF_JA, "goto {jump}", "pc += off", "3.18");
row("ja32", BPF_JMP32 | BPF_JMP_OP.BPF_JA, "gotol {jumpl}", "pc += imm", "6.6");
row(
  "may_goto",
  BPF_JMP | BPF_JMP_OP.BPF_JCOND,
  "may_goto {jump}",
  "jumps when the loop has had its time, else goes on",
  "6.9",
);
for (const [suffix, bpfClass, r] of [
  ["", BPF_JMP, "r"],
  ["32", BPF_JMP32, "w"],
] as const) {
  for (const [name, operation, operator, since] of COMPARISONS) {
    const release = suffix === "" ? since : "5.1";
    const semantics = `if d ${operator} s: pc += off`;
    row(
      `${name}${suffix}_imm`,
      bpfClass | operation | BPF_K,
      `if {${r}d} ${operator} {imm} goto {jump}`,
      `${semantics}; s = imm, sign-extended`,
      release,
    );
    row(
      `${name}${suffix}_reg`,
      bpfClass | operation | BPF_X,
      `if {${r}d} ${operator} {${r}s} goto {jump}`,
      semantics,
      release,
    );
  }
}
const CALL = BPF_JMP | BPF_JMP_OP.BPF_CALL;
row("call_helper", CALL, "call {helper}", "r0 = helper number imm (r1..r5); r1..r5 are lost", "3.18");
row("call", CALL, "call {call}", "r0 = the function at pc + imm; a new frame, r6..r9 come back", "4.16", {
  src: BPF_PSEUDO.BPF_PSEUDO_CALL,
});
row("call_kfunc", CALL, "call kfunc {kfunc}", "r0 = the kernel function with BTF id imm", "5.13", {
  src: BPF_PSEUDO.BPF_PSEUDO_KFUNC_CALL,
});
row("exit", BPF_JMP | BPF_JMP_OP.BPF_EXIT, "exit", "return r0", "3.18");

// Memory.
for (const [bits, size] of SIZES) {
  row(
    `ldx${bits}`,
    BPF_LDX | BPF_MODE.BPF_MEM | size,
    `{rd} = *(u${bits} *)({rs} {off})`,
    "d = memory, zero-extended",
    "3.18",
  );
  row(
    `st${bits}`,
    BPF_ST | BPF_MODE.BPF_MEM | size,
    `*(u${bits} *)({rd} {off}) = {imm}`,
    "memory = imm, sign-extended",
    "3.18",
  );
  row(
    `stx${bits}`,
    BPF_STX | BPF_MODE.BPF_MEM | size,
    `*(u${bits} *)({rd} {off}) = {rs}`,
    "memory = s",
    "3.18",
  );
  if (bits !== "64")
    row(
      `ldxs${bits}`,
      BPF_LDX | BPF_MODE.BPF_MEMSX | size,
      `{rd} = *(s${bits} *)({rs} {off})`,
      "d = memory, sign-extended",
      "6.6",
    );
  row(
    `load_acquire${bits}`,
    BPF_STX | BPF_MODE.BPF_ATOMIC | size,
    `{rd} = load_acquire((u${bits} *)({rs} {off}))`,
    "d = memory; nothing later comes before it",
    "6.15",
    { imm: BPF_ATOMIC_OP.BPF_LOAD_ACQ },
  );
  row(
    `store_release${bits}`,
    BPF_STX | BPF_MODE.BPF_ATOMIC | size,
    `store_release((u${bits} *)({rd} {off}), {rs})`,
    "memory = s; nothing earlier comes after it",
    "6.15",
    { imm: BPF_ATOMIC_OP.BPF_STORE_REL },
  );
}
for (const [width, size, digits] of [
  ["32", BPF_SIZE.BPF_W, ""],
  ["64", BPF_SIZE.BPF_DW, "64"],
] as const) {
  const code = BPF_STX | BPF_MODE.BPF_ATOMIC | size;
  const place = `(u${width} *)({rd} {off})`;
  for (const [name, operation, operator] of ATOMIC_BINARY) {
    row(
      `atomic${width}_${name}`,
      code,
      `lock *${place} ${operator} {rs}`,
      `memory ${operator} s at once`,
      name === "add" ? "3.18" : "5.12",
      { imm: operation },
    );
    row(
      `atomic${width}_fetch_${name}`,
      code,
      `{rs} = atomic${digits}_fetch_${name}(${place}, {rs})`,
      `old = memory; memory ${operator} s; s = old`,
      "5.12",
      { imm: operation | BPF_ATOMIC_OP.BPF_FETCH },
    );
  }
  row(
    `atomic${width}_xchg`,
    code,
    `{rs} = atomic${digits}_xchg(${place}, {rs})`,
    "memory and s change places",
    "5.12",
    { imm: BPF_ATOMIC_OP.BPF_XCHG },
  );
  row(
    `atomic${width}_cmpxchg`,
    code,
    `r0 = atomic${digits}_cmpxchg(${place}, r0, {rs})`,
    "old = memory; if old == r0: memory = s; r0 = old",
    "5.12",
    { imm: BPF_ATOMIC_OP.BPF_CMPXCHG },
  );
}

// The only instruction of two slots: the second holds nothing but the upper immediate.
const LD_IMM64 = BPF_LD | BPF_MODE.BPF_IMM | BPF_SIZE.BPF_DW;
row("ld_imm64", LD_IMM64, "{rd} = {imm64} ll", "d = 64-bit constant", "3.18");
row("ld_map", LD_IMM64, "{rd} = map {map} ll", "d = the map", "3.18", { src: BPF_PSEUDO.BPF_PSEUDO_MAP_FD });
row(
  "ld_map_value",
  LD_IMM64,
  "{rd} = map_value {map} {at} ll",
  "d = address in the value of a one-element array",
  "5.2",
  { src: BPF_PSEUDO.BPF_PSEUDO_MAP_VALUE },
);
row("ld_btf_id", LD_IMM64, "{rd} = btf_id {imm} ll", "d = address of a kernel variable", "5.10", {
  src: BPF_PSEUDO.BPF_PSEUDO_BTF_ID,
});
row("ld_func", LD_IMM64, "{rd} = func {call} ll", "d = a function of this program, for callbacks", "5.13", {
  src: BPF_PSEUDO.BPF_PSEUDO_FUNC,
});
row("ld_map_idx", LD_IMM64, "{rd} = map_idx {imm} ll", "d = the map at an index of fd_array", "5.14", {
  src: BPF_PSEUDO.BPF_PSEUDO_MAP_IDX,
});
row(
  "ld_map_idx_value",
  LD_IMM64,
  "{rd} = map_idx_value {imm} {at} ll",
  "d = address in the value of the map at an index of fd_array",
  "5.14",
  { src: BPF_PSEUDO.BPF_PSEUDO_MAP_IDX_VALUE },
);

/** Every row, in the order of the sections above. */
export const OPCODES: readonly Opcode[] = rows;

const byName = new Map(rows.map((opcode) => [opcode.name, opcode]));

/** The row called `name`. */
export const opcode = (name: OpcodeName): Opcode => byName.get(name)!;

/** Fields of an instruction that hold operands of `opcode`. */
export type OperandField = "dst" | "src" | "off" | "imm" | "high";

/** Which fields each placeholder fills. */
export const PLACEHOLDER_FIELDS = {
  rd: ["dst"],
  wd: ["dst"],
  rs: ["src"],
  ws: ["src"],
  imm: ["imm"],
  off: ["off"],
  jump: ["off"],
  jumpl: ["imm"],
  call: ["imm"],
  helper: ["imm"],
  kfunc: ["imm"],
  imm64: ["imm", "high"],
  map: ["imm"],
  at: ["high"],
  spaces: ["imm"],
} as const satisfies Record<string, readonly OperandField[]>;
export type Placeholder = keyof typeof PLACEHOLDER_FIELDS;

/** The placeholders of a row's text, in order. */
export const placeholdersOf = (opcode: Opcode): Placeholder[] =>
  [...opcode.text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as Placeholder);

const operandFields = new Map<Opcode, ReadonlySet<OperandField>>(
  rows.map((opcode) => [
    opcode,
    new Set(placeholdersOf(opcode).flatMap((name): readonly OperandField[] => PLACEHOLDER_FIELDS[name])),
  ]),
);

/** The fields that hold operands; all others are fixed or zero. */
export const operandFieldsOf = (opcode: Opcode): ReadonlySet<OperandField> => operandFields.get(opcode)!;

const byCode = new Map<number, Opcode[]>();
for (const opcode of rows) byCode.set(opcode.code, [...(byCode.get(opcode.code) ?? []), opcode]);

/** The row that these fields are an instance of, or undefined when the kernel knows no such instruction. */
export function findOpcode(
  code: number,
  dst: number,
  src: number,
  off: number,
  imm: number,
): Opcode | undefined {
  return byCode.get(code)?.find((opcode) => {
    const operands = operandFieldsOf(opcode);
    return (
      (operands.has("dst") || dst === 0) &&
      (operands.has("src") || src === (opcode.fixed.src ?? 0)) &&
      (operands.has("off") || off === (opcode.fixed.off ?? 0)) &&
      (operands.has("imm") || imm === (opcode.fixed.imm ?? 0))
    );
  });
}

/** Whether an instruction with this code takes two slots. */
export const isWide = (code: number): boolean => code === LD_IMM64;
