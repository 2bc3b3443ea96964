import { expect, test } from "vitest";
import { evaluate, failureOf } from "../runtime/testing.ts";

test.each([
  ["hton16 ntoh16 htobe16 be16toh", "0x112233", 0x3322],
  ["htole16 le16toh", "0x112233", 0x2233],
  ["hton32 ntoh32 htobe32 be32toh", "0x5511223384", 0x84332211],
  ["htole32 le32toh", "0x55aabbccdd", 0xaabbccdd],
  ["hton64 ntoh64 htobe64 be64toh", "1 << 56", 1],
  ["hton64 ntoh64 htobe64 be64toh", "0xff", -72057594037927936],
  ["htole64 le64toh", "-5", -5],
  ["hton16", "-1", 65535],
  ["hton32", "-1", 4294967295],
  ["hton16", "'0x0102'", 0x0201],
])("%s of %s", (names, argument, value) => {
  for (const name of names.split(" ")) {
    for (const module of ["byteorder", "linux"]) {
      const source = `local x = require("${module}").${name}(${argument}); return x == ${BigInt(value)}`;
      expect(evaluate(source), `${module}.${name}`).toEqual([true]);
    }
  }
});

test("wants an integer", () => {
  expect(failureOf('require("byteorder").hton16("x")')).toBe(
    "test.lua:1: bad argument #1 to 'hton16' (number expected, got string)",
  );
});
