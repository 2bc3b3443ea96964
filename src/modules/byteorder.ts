/**
 * Lua module `byteorder`: between host order, which is little endian here, and a wire's order. Arguments are
 * truncated to the width; 16- and 32-bit results are unsigned, 64-bit ones signed.
 */

import { high, low, make } from "../lua/int64.ts";
import type { LuaInteger } from "../lua/value.ts";
import { arg, defineModule, type FunctionDefinition, fn, returns } from "./define.ts";

const swap16 = (v: LuaInteger): LuaInteger => {
  const bits = low(v);
  return ((bits & 0xff) << 8) | ((bits >> 8) & 0xff);
};
const swap32 = (v: LuaInteger): LuaInteger => swapBits32(low(v)) >>> 0;
const swap64 = (v: LuaInteger): LuaInteger => make(swapBits32(low(v)), swapBits32(high(v)));
const same16 = (v: LuaInteger): LuaInteger => low(v) & 0xffff;
const same32 = (v: LuaInteger): LuaInteger => low(v) >>> 0;
const same64 = (v: LuaInteger): LuaInteger => v;

const swapBits32 = (bits: number): number =>
  (bits << 24) | ((bits & 0xff00) << 8) | ((bits >>> 8) & 0xff00) | (bits >>> 24);

const rows: readonly [names: readonly string[], doc: string, convert: (v: LuaInteger) => LuaInteger][] = [
  [
    ["hton16", "ntoh16", "htobe16", "be16toh"],
    "16 bits between host and big-endian (network) order.",
    swap16,
  ],
  [
    ["hton32", "ntoh32", "htobe32", "be32toh"],
    "32 bits between host and big-endian (network) order.",
    swap32,
  ],
  [
    ["hton64", "ntoh64", "htobe64", "be64toh"],
    "64 bits between host and big-endian (network) order.",
    swap64,
  ],
  [["htole16", "le16toh"], "16 bits between host and little-endian order.", same16],
  [["htole32", "le32toh"], "32 bits between host and little-endian order.", same32],
  [["htole64", "le64toh"], "64 bits between host and little-endian order.", same64],
];

export const byteorderFunctions: Record<string, FunctionDefinition> = Object.fromEntries(
  rows.flatMap(([names, doc, convert]) =>
    names.map((name) => [name, fn(doc, [arg.int("x")], returns.int, (v) => convert(v))] as const),
  ),
);

export const byteorder = defineModule("byteorder", {
  doc: "Conversion between byte orders.",
  functions: byteorderFunctions,
});
