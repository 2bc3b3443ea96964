/**
 * What an interpreted program can point at. Every piece of memory is a region with a name; a pointer's upper half is
 * the number of its region, the lower half `ORIGIN` and the offset, so that a little below is still of that region. So pointers are plain 64-bit numbers that a program may add
 * to, subtract, compare and store, one that leaves its region is noticed at its first use, and 0 is never valid.
 */

/** A place in a region. */
export interface Place {
  readonly region: Region;
  readonly offset: number;
}

export class Region {
  /** For messages: `stack of frame 0`, `packet`, `value of counters`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly isWritable: boolean;
  /**
   * Fields that read as pointers whatever their size: `data` and `data_end` of a context are 32 bits wide in C and
   * full pointers in a program.
   */
  readonly pointers: ReadonlyMap<number, Place> | undefined;

  constructor(
    name: string,
    bytes: Uint8Array,
    options: { isWritable?: boolean; pointers?: ReadonlyMap<number, Place> } = {},
  ) {
    this.name = name;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.isWritable = options.isWritable ?? true;
    this.pointers = options.pointers;
  }
}

/** The lower half of a pointer to the start of a region. */
export const ORIGIN = 0x40000000;

/** The first number of a region; those of small numbers and of errors are far away. */
const FIRST = 0x10000;

/** The regions of one run. */
export class Memory {
  #regions: Region[] = [];
  readonly #numbers = new Map<Region, number>();

  /** The upper half of pointers into `region`, which becomes known here. */
  numberOf(region: Region): number {
    const known = this.#numbers.get(region);
    if (known !== undefined) return known;
    const number = FIRST + this.#regions.length;
    this.#regions.push(region);
    this.#numbers.set(region, number);
    return number;
  }

  /** The region of a pointer's upper half. */
  find(high: number): Region | undefined {
    return this.#regions[high - FIRST];
  }
}
