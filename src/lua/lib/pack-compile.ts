/**
 * Pack formats that are used often become JavaScript: all bytes that stand together are put into a string, or taken
 * out of it, at once. The code does what is usual, and returns undefined for the rest (a value out of range, a text
 * for a number, data too short …), before it has done anything: pack.ts, which stays the definition of what formats
 * mean, then does it over, and words the errors.
 */

import * as int64 from "../int64.ts";
import { LuaInt64, type LuaValue } from "../value.ts";
import { type PackFormat, STEP, type Step } from "./pack-format.ts";
import type { Budget } from "./pattern.ts";

/** Packs `args`, of which the first is the format. */
export type PackCode = (budget: Budget, args: readonly LuaValue[]) => string | undefined;
/** Unpacks from offset `at` on. */
export type UnpackCode = (budget: Budget, text: string, at: number) => LuaValue[] | undefined;

/** Larger formats stay interpreted: their code would be large. */
const MAX_STEPS = 40;
/** Arguments of one call that makes a string of bytes. */
const MAX_BYTES = 64;
const MAX_VALUE_BYTES = 8;
const MAX_CHARS = 1024;

/** What generated code calls. */
const runtime = {
  LuaInt64,
  make: int64.make,
  high: int64.high,
  low: int64.low,
  zeros: (count: number): string => "\0".repeat(count),
};
const RUNTIME = `const { ${Object.keys(runtime).join(", ")} } = runtime; const { fromCharCode } = String;`;

function isCompilable({ steps, isWhole }: PackFormat): boolean {
  const isSimple = ({ op, size }: Step): boolean =>
    op !== STEP.fail && size <= (op === STEP.chars ? MAX_CHARS : MAX_VALUE_BYTES);
  return isWhole && steps.length <= MAX_STEPS && steps.every(isSimple);
}

function build<Code>(parameters: string, body: readonly string[]): Code {
  return new Function("runtime", `${RUNTIME}\nreturn (${parameters}) => {\n${body.join("\n")}\n};`)(runtime);
}

const isInteger = ({ op }: Step): boolean => op === STEP.signed || op === STEP.unsigned;

/** The order of the bytes of an integer as they stand in the string; 0 is the lowest. */
const byteOrder = ({ size, littleEndian }: Step): number[] =>
  Array.from({ length: size }, (_, i) => (littleEndian ? i : size - 1 - i));

// ---- packing

/** Code that packs by `format`; undefined when it has to be interpreted. */
export function packCode(format: PackFormat): PackCode | undefined {
  return isCompilable(format) ? new PackWriter().write(format.steps) : undefined;
}

class PackWriter {
  private readonly checks: string[] = [];
  /** Strings that make up the result. */
  private readonly pieces: string[] = [];
  /** Bytes that follow the last piece. */
  private bytes: string[] = [];
  /** Bytes so far; undefined after a text of unknown length. */
  private offset: number | undefined = 0;
  private fixed = 0;
  private readonly lengths: string[] = [];
  private values = 0;

  write(steps: readonly Step[]): PackCode | undefined {
    for (const step of steps) {
      if (step.alignment > 1) {
        if (this.offset === undefined) return undefined;
        this.zeros(-this.offset & (step.alignment - 1));
      }
      this.step(step);
    }
    this.flush();
    return build("budget, args", [
      ...this.checks,
      `budget.charge(${[this.fixed, ...this.lengths].join(" + ")});`,
      `return ${this.pieces.join(" + ") || '""'};`,
    ]);
  }

  private step(step: Step): void {
    const { op, size } = step;
    if (op === STEP.padding) this.zeros(1);
    if (op === STEP.padding || op === STEP.align) return;
    const value = `v${++this.values}`;
    this.checks.push(`const ${value} = args[${this.values}];`);
    if (isInteger(step)) this.integer(step, value);
    else if (op === STEP.chars) {
      this.require(`typeof ${value} === "string" && ${value}.length <= ${size}`);
      this.text(`(${value}.length === ${size} ? ${value} : ${value} + zeros(${size} - ${value}.length))`);
      this.grow(size);
    } else {
      this.require(`typeof ${value} === "string"`);
      const length = `${value}.length`;
      if (op === STEP.zeroed) {
        this.checks.push(`budget.spend(${length} >> 7);`);
        this.require(`!${value}.includes("\\0")`);
      } else {
        if (size < 4) this.require(`${length} < ${2 ** (size * 8)}`);
        for (const i of byteOrder(step)) this.byte(i < 4 ? `${length} >> ${i * 8} & 255` : "0");
      }
      this.text(value);
      this.offset = undefined;
      this.lengths.push(length);
      if (op === STEP.zeroed) this.zeros(1);
    }
  }

  private integer(step: Step, value: string): void {
    const { op, size } = step;
    if (size === 8) this.require(`(typeof ${value} === "number" || ${value} instanceof LuaInt64)`);
    else {
      const limit = 2 ** (size * 8 - (op === STEP.signed ? 1 : 0));
      const least = op === STEP.signed ? -limit : 0;
      this.require(`typeof ${value} === "number" && ${value} >= ${least} && ${value} < ${limit}`);
    }
    if (size > 4) this.checks.push(`const ${value}h = high(${value}), ${value}l = low(${value});`);
    const low = size > 4 ? `${value}l` : value;
    for (const i of byteOrder(step)) {
      this.byte(i < 4 ? `${low} >> ${i * 8} & 255` : `${value}h >> ${(i - 4) * 8} & 255`);
    }
  }

  private require(condition: string): void {
    this.checks.push(`if (!(${condition})) return undefined;`);
  }

  private zeros(count: number): void {
    for (let i = 0; i < count; i++) this.byte("0");
  }

  private byte(code: string): void {
    this.bytes.push(code);
    if (this.bytes.length === MAX_BYTES) this.flush();
    this.grow(1);
  }

  private text(piece: string): void {
    this.flush();
    this.pieces.push(piece);
  }

  private flush(): void {
    if (this.bytes.length > 0) this.pieces.push(`fromCharCode(${this.bytes.join(", ")})`);
    this.bytes = [];
  }

  private grow(count: number): void {
    this.fixed += count;
    if (this.offset !== undefined) this.offset += count;
  }
}

// ---- unpacking

/** Code that unpacks by `format`; undefined when it has to be interpreted. */
export function unpackCode(format: PackFormat): UnpackCode | undefined {
  return isCompilable(format) ? new UnpackWriter().write(format.steps) : undefined;
}

class UnpackWriter {
  private readonly lines: string[] = [];
  private readonly values: string[] = [];
  /** Lines of what stands behind the last text of unknown length, and how many bytes that is. */
  private part: string[] = [];
  private offset = 0;
  /** After a text of unknown length nothing is known of the offset as a whole. */
  private isFirst = true;

  write(steps: readonly Step[]): UnpackCode | undefined {
    if (steps.some(({ alignment }) => alignment > 1)) this.lines.push("if (at !== 0) return undefined;");
    for (const step of steps) {
      if (step.alignment > 1) {
        if (!this.isFirst) return undefined;
        this.offset += -this.offset & (step.alignment - 1);
      }
      this.step(step);
    }
    this.endPart();
    return build("budget, text, at", [
      ...this.lines,
      `return [${[...this.values, `at + ${this.offset} + 1`].join(", ")}];`,
    ]);
  }

  private step(step: Step): void {
    const { op, size } = step;
    const value = `v${this.values.length}`;
    const from = this.offset;
    this.offset += size;
    if (op === STEP.padding || op === STEP.align) return;
    this.values.push(value);
    if (isInteger(step)) this.part.push(`const ${value} = ${this.integer(step, from)};`);
    else if (op === STEP.chars) {
      this.part.push(`const ${value} = text.slice(at + ${from}, at + ${this.offset});`);
    } else if (op === STEP.counted) {
      this.part.push(`const ${value}n = ${this.integer(step, from)};`);
      this.endPart();
      // A length beyond the safe integers is an object, which compares as false.
      const fits = `${value}n >= 0 && ${value}n <= text.length - at - ${this.offset}`;
      this.lines.push(`if (!(${fits})) return undefined;`);
      this.lines.push(`at += ${this.offset};`, `const ${value} = text.slice(at, at += ${value}n);`);
      this.offset = 0;
    } else {
      this.endPart();
      this.lines.push(`const ${value}e = text.indexOf("\\0", at + ${from});`);
      this.lines.push(`if (${value}e < 0) return undefined;`);
      this.lines.push(`const ${value} = text.slice(at + ${from}, ${value}e);`);
      this.lines.push(`budget.spend(${value}.length >> 7);`, `at = ${value}e + 1;`);
      this.offset = 0;
    }
  }

  /** What was collected may be done once the data are known to be long enough. */
  private endPart(): void {
    if (this.offset > 0) this.lines.push(`if (text.length - at < ${this.offset}) return undefined;`);
    this.lines.push(...this.part);
    this.part = [];
    this.isFirst = false;
  }

  private integer(step: Step, from: number): string {
    const { op, size } = step;
    const bits = (first: number, count: number): string => {
      const parts = byteOrder(step).flatMap((i, place) => {
        if (i < first || i >= first + count) return [];
        const byte = `text.charCodeAt(at + ${from + place})`;
        return [i === first ? byte : `${byte} << ${(i - first) * 8}`];
      });
      const sum = parts.join(" | ");
      const unused = 32 - count * 8;
      return op === STEP.signed && unused > 0 ? `(${sum}) << ${unused} >> ${unused}` : sum;
    };
    if (size > 4) return `make(${bits(4, size - 4)}, ${bits(0, 4)})`;
    return op !== STEP.signed && size === 4 ? `(${bits(0, 4)}) >>> 0` : bits(0, size);
  }
}
