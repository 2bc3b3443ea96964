/** How a C structure lies in memory, in the form the Lua module `struct` takes: `{size, fields = {{name, …}}}`. */

export interface LayoutField {
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** 1, 2, 4 or 8 bytes. */
  readonly size: number;
  readonly signed: boolean;
}

export interface Layout {
  readonly size: number;
  readonly fields: readonly LayoutField[];
}

/** Declares a structure of `size` bytes; each row is name, offset, size, and "signed" where C says so. */
export const layout = (
  size: number,
  rows: readonly (readonly [name: string, offset: number, size: number, signed?: "signed"])[],
): Layout => ({
  size,
  fields: rows.map(([name, offset, width, signed]) => ({
    name,
    offset,
    size: width,
    signed: signed === "signed",
  })),
});
