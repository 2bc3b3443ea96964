/**
 * What the kernel wants to know of a program's source: a name for each function, and for each instruction the file, the
 * line, its text. The verifier's log then reads as that source, and programs that take the address of a function
 * (`bpf_loop`) load at all.
 */

import { BtfBuilder } from "./btf-builder.ts";
import { bpf_func_info, bpf_line_info } from "./btf-layout.ts";
import { slotNumbers } from "./instruction.ts";
import type { Program, SourceSpan } from "./program-builder.ts";

export interface ProgramBtf {
  readonly btf: Uint8Array;
  /** `bpf_func_info` records in the order of slots. */
  readonly funcInfo: Uint8Array;
  /** `bpf_line_info` records in the order of slots. */
  readonly lineInfo: Uint8Array;
}

const MAX_COLUMN = 1023;
const MAX_LINE = 0x3f_ffff;

/** `lineText` gives the text of a source line, for the log; without it lines are only named. */
export function programBtf(
  program: Program,
  lineText: (span: SourceSpan) => string | undefined = () => undefined,
): ProgramBtf {
  const builder = new BtfBuilder();
  const starts = functionStarts(program);
  const result = builder.integer("int", 4, true);
  const names = new Map([...program.labels].map(([name, slot]) => [slot, name]));
  const functions = starts.map((slot) => {
    const isMain = slot === 0;
    const name = isMain ? "main" : identifier(names.get(slot) ?? `function_${slot}`);
    // Static functions are verified with each call, whatever their parameters are said to be. A callback must be one.
    const linkage = isMain ? "BTF_FUNC_GLOBAL" : "BTF_FUNC_STATIC";
    const typeId = builder.function(name, [], result, linkage);
    return bpf_func_info.encode({ insn_off: slot, type_id: typeId });
  });
  const lines = lineRecords(program, new Set(starts)).map(([slot, span]) =>
    bpf_line_info.encode({
      insn_off: slot,
      file_name_off: builder.string(span.chunk),
      line_off: builder.string(oneLine(lineText(span) ?? "")),
      line_col: ((Math.min(span.line, MAX_LINE) << 10) | Math.min(span.column ?? 0, MAX_COLUMN)) >>> 0,
    }),
  );
  return { btf: builder.encode(), funcInfo: joined(functions), lineInfo: joined(lines) };
}

/** The slots where functions begin: the first, those that are called and those whose address is taken. */
function functionStarts({ instructions }: Program): number[] {
  const slots = slotNumbers(instructions);
  const starts = new Set([0]);
  // Both count from the slot behind their first one.
  for (const [index, { opcode, imm }] of instructions.entries())
    if (opcode.name === "call" || opcode.name === "ld_func") starts.add(slots[index]! + 1 + imm);
  return [...starts].sort((a, b) => a - b);
}

/** A record where the source changes; the kernel wants one at the start of each function besides. */
function lineRecords(
  { instructions, spans }: Program,
  starts: ReadonlySet<number>,
): [slot: number, span: SourceSpan][] {
  const slots = slotNumbers(instructions);
  const records: [number, SourceSpan][] = [];
  const first = spans.find((span) => span !== undefined);
  if (first === undefined) return records;
  let last: SourceSpan | undefined;
  for (const [index] of instructions.entries()) {
    const slot = slots[index]!;
    const span = spans[index] ?? last ?? first;
    if (!starts.has(slot) && last !== undefined && isSame(span, last)) continue;
    records.push([slot, span]);
    last = span;
  }
  return records;
}

const isSame = (a: SourceSpan, b: SourceSpan): boolean =>
  a.chunk === b.chunk && a.line === b.line && a.column === b.column;

/** Names of functions are identifiers of C. */
const identifier = (name: string): string =>
  name
    .replace(/\W/g, "_")
    .replace(/^(?=\d)/, "_")
    .slice(0, 127);

const oneLine = (text: string): string => text.replace(/[\r\n].*$/s, "");

function joined(records: readonly Uint8Array[]): Uint8Array {
  const size = records[0]?.length ?? 0;
  const bytes = new Uint8Array(size * records.length);
  for (const [i, record] of records.entries()) bytes.set(record, i * size);
  return bytes;
}
