import { describe, expect, test } from "vitest";
import { hasCapability, parseCapabilities } from "./capabilities.ts";
import { ErrnoError, UnsupportedError } from "./errors.ts";

describe("capabilities", () => {
  test.each([
    ["all", "Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n", true],
    ["none", "CapEff:\t0000000000000000\n", false],
    ["only CAP_NET_ADMIN", "CapEff:\t0000000000001000\n", true],
    ["all but it", "CapEff:\t000001ffffffefff\n", false],
    ["no such line", "", false],
  ])("%s", (_, status, expected) => {
    expect(hasCapability("CAP_NET_ADMIN", parseCapabilities(status))).toBe(expected);
  });
});

test("errors say what was attempted, for what, and why it failed", () => {
  const error = ErrnoError.fromNumber(1, "bind", "queue 5", "no permission");
  expect(error).toMatchObject({ code: "EPERM", call: "bind", object: "queue 5" });
  expect(error.message).toBe("bind queue 5: EPERM (no permission)");
  expect(ErrnoError.fromNumber(9999, "x", "y").code).toBe("errno 9999");
  expect(new UnsupportedError("no koffi", "install it").message).toBe("no koffi: install it");
});
