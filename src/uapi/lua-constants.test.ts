import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ERRNO, errnoName, KERNEL_ERRNO } from "./errno.ts";
import type { Layout } from "./layout.ts";
import { isLayout, type LuaConstants, luaConstants } from "./lua-constants.ts";

// The numbers of the API reference, one table a line: `nf.proto: UNSPEC=0, INET=1, …`.
const golden = new Map(
  readFileSync(new URL("../../test/golden/lua-constants.txt", import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
);

/** The same text made from our tables. */
function describeTables(path: string, table: LuaConstants | Layout, into: Map<string, string>): void {
  if (isLayout(table)) {
    const fields = table.fields.map(
      ({ name, offset, size, signed }) => `${name} ${offset} ${size}${signed ? " signed" : ""}`,
    );
    into.set(path, `size ${table.size}: ${fields.join(", ")}`);
    return;
  }
  const numbers: string[] = [];
  for (const [name, value] of Object.entries(table)) {
    if (typeof value === "number") numbers.push(`${name}=${value}`);
    else describeTables(`${path}.${name}`, value, into);
  }
  if (numbers.length > 0) into.set(path, numbers.join(", "));
}

const ours = new Map<string, string>();
for (const [module, table] of Object.entries(luaConstants))
  describeTables(module.replace("linux.", ""), table, ours);

// Objects list keys like `8021Q` in order, but integer-like ones first: 80221 and 1588 move to the front.
const sorted = (text: string | undefined) => text?.split(", ").sort();

describe("the Lua view has exactly the tables of the reference", () => {
  test("no table more, none less", () => expect([...ours.keys()].sort()).toEqual([...golden.keys()].sort()));

  test.each([...golden.keys()])("%s", (name) => {
    expect(sorted(ours.get(name))).toEqual(sorted(golden.get(name)));
  });
});

test("sub-tables are reached as scripts reach them", () => {
  const nf = luaConstants["linux.nf"] as {
    ip: { pri: { FILTER: number } };
    br: { FORWARD: number; pri: object };
  };
  expect(nf.ip.pri.FILTER).toBe(0);
  expect(nf.br.FORWARD).toBe(2);
  expect(nf.br.pri).toHaveProperty("FIRST", -2147483648);
  expect(luaConstants["linux.eth"]).toHaveProperty("8021Q", 0x8100);
});

test("the arithmetic of the priorities stays exact", () => {
  const values = Object.values(luaConstants["linux.nf"]!["ip"] as { pri: Record<string, number> }).flatMap(
    (pri) => Object.values(pri),
  );
  for (const value of values) expect(value).toBe(value | 0);
});

test.each([
  [2, "ENOENT"],
  [-2, "ENOENT"],
  [11, "EAGAIN"], // and EWOULDBLOCK
  [35, "EDEADLK"], // and EDEADLOCK
  [133, "EHWPOISON"],
  [524, "ENOTSUPP"],
  [0, undefined],
  [41, undefined], // a hole
  [4096, undefined],
])("errno %i is %s", (number, name) => expect(errnoName(number)).toBe(name));

test("errno tables are as long as the headers", () => {
  expect(Object.keys(ERRNO)).toHaveLength(133 - 2 + 2); // 41 and 58 are holes, two names are doubled
  expect(KERNEL_ERRNO.ERESTARTSYS).toBe(512);
});
