/**
 * What a program tells user space: that it printed, that it failed. A record of the ring buffer is the number of the
 * place in the script and the words of the values that its message needs; the text is made in user space, by the
 * interpreter that the script was loaded with.
 *
 *     u64 place; then for each value: nothing (constants), u64 word (booleans, integers), or u64 length and as many bytes
 *     as the string may have at most, padded to 8; for a union: u64 tag, then the one alternative, in the room of the longest
 */

import type { SourceSpan } from "../ebpf/program-builder.ts";
import type { Expression } from "../lua/ast.ts";
import type { LuaFunction, LuaValue } from "../lua/value.ts";

/** How one value travels in a record. */
export type Captured =
  | { readonly kind: "constant"; readonly value: LuaValue }
  | { readonly kind: "int" | "bool" }
  /** `room` bytes lie in the record, whatever the length says. */
  | { readonly kind: "string"; readonly room: number }
  /** What a function that only computes, or `..`, gives for these: called when the text is made. */
  | {
      readonly kind: "call";
      readonly f: LuaFunction | "..";
      readonly result: number;
      readonly args: readonly Captured[];
    }
  /** A word that says which, then room for any of them. */
  | { readonly kind: "union"; readonly alternatives: readonly (readonly [tag: bigint, Captured])[] };

export interface EventSite {
  readonly kind: "print" | "error" | "punt";
  readonly span: SourceSpan | undefined;
  /** For errors that are known beforehand: the whole message. */
  readonly message: string | undefined;
  /** What is printed, or the error's value: expressions over the captured values. */
  readonly expressions: readonly Expression[];
  readonly captured: readonly { readonly hole: Expression; readonly as: Captured }[];
}

/** Longer strings are cut in records; their true length goes along. */
export const MOST_EVENT_TEXT = 512;
