/**
 * Format strings of `string.pack`: read into steps, which the interpreter (pack.ts) and the generator of code for
 * often used formats (pack-compile.ts) go by.
 *
 * PUC Lua reads a format while it packs, so what is wrong with an option is reported only when it is reached: here that
 * is a step which raises. What an option means does not depend on the values, only the padding before it does.
 */

import { argumentError, raise } from "./check.ts";
import type { PackCode, UnpackCode } from "./pack-compile.ts";

const MAX_INTEGER_BYTES = 16;
const NATIVE_ALIGNMENT = 8;
/** Largest size a format may ask for: what fits a C int. */
export const MAX_SIZE = 0x7fffffff;

export const STEP = {
  unsigned: 0,
  signed: 1,
  chars: 2, // `c`: text of a fixed size
  counted: 3, // `s`: the length, then the text
  zeroed: 4, // `z`: text up to a zero
  padding: 5, // `x`
  align: 6, // `X`
  fail: 7, // an option that is not valid: raises
} as const;

export interface Step {
  readonly op: number;
  /** Bytes of the value; of the length for `counted`. */
  readonly size: number;
  /** A power of 2. */
  readonly alignment: number;
  readonly littleEndian: boolean;
  /** Raises what is wrong, in the words of the function that reads the format. */
  readonly fail: ((functionName: string) => never) | undefined;
}

/** Longer formats are read in parts, so that they take no more memory than the text itself. */
const MAX_STEPS = 256;
const CACHE_ENTRIES = 500;
const CACHE_FORMAT_BYTES = 200;

/** A format, or the first part of a very long one. */
export class PackFormat {
  readonly steps: readonly Step[];
  readonly #reader: FormatReader;
  /** The result of `packsize`, once it was asked for. */
  packedSize: number | undefined = undefined;
  packUses = 0;
  unpackUses = 0;
  packCode: PackCode | undefined = undefined;
  unpackCode: UnpackCode | undefined = undefined;

  constructor(reader: FormatReader) {
    this.#reader = reader;
    this.steps = reader.read(MAX_STEPS);
  }

  /** Whether `steps` are all there are. */
  get isWhole(): boolean {
    return this.#reader.done;
  }

  /** The part that follows, to be asked for once; undefined at the end. */
  following(): PackFormat | undefined {
    return this.#reader.done ? undefined : new PackFormat(this.#reader);
  }
}

const cache = new Map<string, PackFormat>();

/** Reads a format, or finds it in the cache. */
export function packFormat(text: string): PackFormat {
  let format = cache.get(text);
  if (format === undefined) {
    format = new PackFormat(new FormatReader(text));
    if (text.length <= CACHE_FORMAT_BYTES) {
      if (cache.size >= CACHE_ENTRIES) cache.clear();
      cache.set(text, format);
    }
  }
  return format;
}

/** An option before its alignment is known; undefined for one that only changes how others are read. */
type Option = readonly [op: number, size: number];

/** Integer options of fixed size; the lower-case letter is signed. */
const FIXED: Readonly<Record<string, Option>> = {
  b: [STEP.signed, 1],
  B: [STEP.unsigned, 1],
  h: [STEP.signed, 2],
  H: [STEP.unsigned, 2],
  l: [STEP.signed, 8],
  L: [STEP.unsigned, 8],
  j: [STEP.signed, 8],
  J: [STEP.unsigned, 8],
  T: [STEP.unsigned, 8],
  n: [STEP.signed, 8],
};

/** Reads a format option by option, keeping byte order and alignment. */
class FormatReader {
  private littleEndian = true;
  private maxAlignment = 1;
  private at = 0;
  private readonly text: string;
  private problem: ((functionName: string) => never) | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** The next steps, at most `count`. */
  read(count: number): Step[] {
    const steps: Step[] = [];
    while (!this.done && steps.length < count) {
      const option = this.option();
      if (this.problem !== undefined) steps.push(this.failure());
      else if (option !== undefined) steps.push(this.step(option));
    }
    return steps;
  }

  private step([op, size]: Option): Step {
    let alignment = size;
    if (op === STEP.align) {
      const following = this.done ? undefined : this.option();
      if (this.problem !== undefined) return this.failure();
      alignment = following?.[1] ?? 0;
      if (following?.[0] === STEP.chars || alignment === 0) {
        return this.failAs((name) => argumentError(1, name, "invalid next option for option 'X'"));
      }
    }
    const aligns = op === STEP.align || op === STEP.signed || op === STEP.unsigned || op === STEP.counted;
    alignment = aligns && alignment > 1 ? Math.min(alignment, this.maxAlignment) : 1;
    if ((alignment & (alignment - 1)) !== 0) {
      return this.failAs((name) => argumentError(1, name, "format asks for alignment not power of 2"));
    }
    const { littleEndian } = this;
    return { op, size: op === STEP.align ? 0 : size, alignment, littleEndian, fail: undefined };
  }

  private failAs(problem: (functionName: string) => never): Step {
    this.problem = problem;
    return this.failure();
  }

  /** The step that raises; nothing behind it is read. */
  private failure(): Step {
    this.at = this.text.length;
    return { op: STEP.fail, size: 0, alignment: 1, littleEndian: true, fail: this.problem };
  }

  /** Reads one option; sets `problem` when it is not valid. */
  private option(): Option | undefined {
    const letter = this.text.charAt(this.at++);
    const fixed = FIXED[letter];
    if (fixed !== undefined) return fixed;
    switch (letter) {
      case "i":
        return [STEP.signed, this.integerSize(4)];
      case "I":
        return [STEP.unsigned, this.integerSize(4)];
      case "s":
        return [STEP.counted, this.integerSize(8)];
      case "c": {
        const size = this.number(-1);
        if (size < 0) this.problem = () => raise("missing size for format option 'c'");
        return size < 0 ? undefined : [STEP.chars, size];
      }
      case "z":
        return [STEP.zeroed, 0];
      case "x":
        return [STEP.padding, 1];
      case "X":
        return [STEP.align, 0];
      case " ":
        return undefined;
      case "<":
      case "=":
        this.littleEndian = true;
        return undefined;
      case ">":
        this.littleEndian = false;
        return undefined;
      case "!":
        this.maxAlignment = this.integerSize(NATIVE_ALIGNMENT);
        return undefined;
      default:
        this.problem = () => raise(`invalid format option '${letter}'`);
        return undefined;
    }
  }

  /** Digits at this place; they stop before the value could pass a C int. */
  private number(otherwise: number): number {
    let value = -1;
    for (;;) {
      const digit = this.text.charCodeAt(this.at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      if (value > (MAX_SIZE - 9) / 10) break;
      value = Math.max(value, 0) * 10 + digit;
      this.at++;
    }
    return value < 0 ? otherwise : value;
  }

  private integerSize(otherwise: number): number {
    const size = this.number(otherwise);
    if (size < 1 || size > MAX_INTEGER_BYTES) {
      this.problem = () => raise(`integral size (${size}) out of limits [1,${MAX_INTEGER_BYTES}]`);
    }
    return size;
  }
}
