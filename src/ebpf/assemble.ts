/**
 * Text to instructions: what `disassemble`, the kernel's verifier log and (but for its hexadecimal offsets, also
 * taken) llvm-objdump print, and beyond that labels:
 *
 *     start: if r1 == 0 goto done     ; a comment, or // one
 *     r1 = map counters ll
 *     call bpf_map_lookup_elem
 *     done: exit
 *
 * The grammar is the column `text` of the opcode table; nothing about single instructions is written here.
 */

import { helperNumber } from "./helpers.ts";
import { fits, fromOpcode, InstructionError, type Operands } from "./instruction.ts";
import { OPCODES, type Opcode, type OperandField, type Placeholder, placeholdersOf } from "./opcodes.ts";
import { type Label, type Program, ProgramBuilder } from "./program-builder.ts";

/** What is wrong with a text, and in which line. */
export class AssembleError extends InstructionError {
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

const NUMBER = "[-+]?(?:0x[0-9a-f]+|\\d+)";
const NAME = "[A-Za-z_]\\w*";
const RELATIVE = /^(?:pc)?\s*[-+]/;
const TARGET = `(?:pc)?\\s*[-+]\\s*(?:0x[0-9a-f]+|\\d+)|${NAME}`;

/** What stands for each placeholder. */
const PATTERNS: { readonly [K in Placeholder]: string } = {
  rd: "r\\d+",
  wd: "w\\d+",
  rs: "r\\d+",
  ws: "w\\d+",
  imm: NUMBER,
  off: "[-+]\\s*(?:0x[0-9a-f]+|\\d+)",
  at: "[-+]\\s*(?:0x[0-9a-f]+|\\d+)",
  jump: TARGET,
  jumpl: TARGET,
  call: TARGET,
  helper: `(?:${NAME})?#-?\\d+|bpf_\\w+|${NUMBER}`,
  kfunc: `#-?\\d+|${NAME}`,
  map: `fd:-?\\d+|${NAME}`,
  imm64: NUMBER,
  spaces: "\\d+\\s*,\\s*\\d+",
};

interface Form {
  readonly opcode: Opcode;
  readonly placeholders: readonly Placeholder[];
  readonly pattern: RegExp;
}

/** Forms by the signs that their text contains, in order: a line is tried against few of them. */
const forms = new Map<string, Form[]>();
const signsOf = (text: string): string => text.replace(/[^=*&|^<>%/()!]/g, "");
for (const opcode of OPCODES) {
  const signs = signsOf(opcode.text.replace(/\{\w+\}/g, ""));
  const pattern = opcode.text
    .split(/(\{\w+\})/)
    .map((part) =>
      part.startsWith("{")
        ? `(${PATTERNS[part.slice(1, -1) as Placeholder]})`
        : part
            .replace(/[.*+?^$()|[\]\\/]/g, "\\$&")
            .replace(/\s*(\\[*+^|()/]+|[=<>&%!,-]+)\s*/g, "\\s*$1\\s*")
            .replace(/(\w) /g, "$1\\s+")
            .replace(/ /g, "\\s*"),
    )
    .join("");
  const form = { opcode, placeholders: placeholdersOf(opcode), pattern: new RegExp(`^${pattern}$`, "i") };
  forms.set(signs, [...(forms.get(signs) ?? []), form]);
}

/** The program that `text` says; `chunk` names it in spans. Throws `AssembleError`. */
export function assemble(text: string, chunk = "asm"): Program {
  const builder = new ProgramBuilder();
  const labels = new Map<string, Label>();
  const uses = new Map<string, number>();
  const labelOf = (name: string): Label => {
    const known = labels.get(name);
    if (known) return known;
    const label = builder.label(name);
    labels.set(name, label);
    return label;
  };
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    // Positions and codes, as a verifier log has them, are passed over.
    let rest = raw.replace(/(?:;|\/\/).*$/, "").trim();
    rest = rest.replace(/^\d+:\s*(?:\([0-9a-f]{2}\)\s*)?/, "");
    for (let match = LABEL.exec(rest); match; match = LABEL.exec(rest)) {
      const label = labelOf(match[1]!);
      if (label.index !== undefined) throw new AssembleError(line, `label '${match[1]}' is there already`);
      builder.place(label);
      rest = rest.slice(match[0].length);
    }
    if (rest === "") continue;
    builder.span = { chunk, line };
    const { opcode, operands, target } = parse(rest, line);
    if (target === undefined) builder.push(fromOpcode(opcode, operands));
    else {
      if (!uses.has(target)) uses.set(target, line);
      builder.emitTo(opcode, labelOf(target), operands);
    }
  }
  for (const [name, line] of uses)
    if (labels.get(name)!.index === undefined) throw new AssembleError(line, `there is no label '${name}'`);
  return builder.build();
}

const LABEL = new RegExp(`^(${NAME}):\\s*`);

interface Parsed {
  readonly opcode: Opcode;
  readonly operands: Operands;
  /** The label that it jumps to or calls. */
  readonly target: string | undefined;
}

function parse(text: string, line: number): Parsed {
  // llvm-objdump calls the target of a 32-bit load by its 32-bit name.
  const plain = text.replace(/^w(\d+)(\s*=\s*\*)/, "r$1$2");
  for (const { opcode, placeholders, pattern } of forms.get(signsOf(plain)) ?? []) {
    const match = pattern.exec(plain);
    const parsed = match && readOperands(opcode, placeholders, match.slice(1), line);
    if (parsed) return parsed;
  }
  throw new AssembleError(line, `'${text}' is no instruction`);
}

/** Undefined when a register named twice differs: another form may fit. */
function readOperands(
  opcode: Opcode,
  placeholders: readonly Placeholder[],
  texts: readonly string[],
  line: number,
): Parsed | undefined {
  const operands: { -readonly [K in OperandField]?: number } & { symbol?: string } = {};
  let target: string | undefined;
  for (const [i, placeholder] of placeholders.entries()) {
    const read = readOperand(placeholder, texts[i]!, line);
    if (read.target !== undefined) target = read.target;
    if (read.symbol !== undefined) operands.symbol = read.symbol;
    for (const field of ["dst", "src", "off", "imm", "high"] as const) {
      const value = read[field];
      if (value === undefined) continue;
      if (!fits(field, value)) throw new AssembleError(line, `${texts[i]} is out of range`);
      if (operands[field] !== undefined && operands[field] !== value) return undefined;
      operands[field] = value;
    }
  }
  return { opcode, operands, target };
}

type ReadOperand = { [K in OperandField]?: number } & { symbol?: string; target?: string };

function readOperand(placeholder: Placeholder, text: string, line: number): ReadOperand {
  switch (placeholder) {
    case "rd":
    case "wd":
      return { dst: Number(text.slice(1)) };
    case "rs":
    case "ws":
      return { src: Number(text.slice(1)) };
    case "imm":
      return { imm: int32(readNumber(text)) };
    case "off":
      return { off: readNumber(text) };
    case "at":
      return { high: readNumber(text) };
    case "jump":
      return RELATIVE.test(text) ? { off: readNumber(text.replace("pc", "")) } : { target: text };
    case "jumpl":
    case "call":
      return RELATIVE.test(text) ? { imm: readNumber(text.replace("pc", "")) } : { target: text };
    case "helper":
      return { imm: readHelper(text, line) };
    case "kfunc":
      return text.startsWith("#") ? { imm: Number(text.slice(1)) } : { symbol: text };
    case "map":
      return text.startsWith("fd:") ? { imm: Number(text.slice(3)) } : { symbol: text };
    case "imm64": {
      const value = BigInt.asUintN(64, readBigInt(text));
      return { imm: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
    }
    case "spaces": {
      const [to, from] = text.split(",").map(Number) as [number, number];
      return { imm: (to << 16) | from };
    }
  }
}

function readHelper(text: string, line: number): number {
  const [name, number] = text.split("#") as [string, string?];
  if (number !== undefined) return Number(number);
  if (/^[-+\d]/.test(name)) return readNumber(name);
  const known = helperNumber(name);
  if (known === undefined) throw new AssembleError(line, `there is no helper '${name}'`);
  return known;
}

/** 0xffffffff means −1, as llvm-objdump writes it. */
const int32 = (value: number): number => (value > 0x7fffffff && value <= 0xffffffff ? value | 0 : value);

function readNumber(text: string): number {
  const plain = text.replace(/\s/g, "");
  return plain.startsWith("-") ? -Number(plain.slice(1)) || 0 : Number(plain.replace("+", ""));
}

const readBigInt = (text: string): bigint =>
  text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
