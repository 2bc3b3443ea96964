import { describe, expect, test } from "vitest";
import type { ExtensionPacket } from "../kernel/extensions.ts";
import { ipPacket, skbOf } from "../kernel/testing.ts";
import { failureOf, machineWith } from "../runtime/testing.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { XT_CONTINUE } from "../uapi/x-tables.ts";

const HEAD = `local xtable = require("xtable")
local function opts(t)
  for k, v in pairs{ name = "lua", revision = 1, family = 0, proto = 0, hooks = 0, match = print, target = print,
    checkentry = print, destroy = print } do if t[k] == nil then t[k] = v end
  end
  for k, v in pairs(t) do if v == "-" then t[k] = nil end end
  return t
end
`;

const match = (fields: string) => machineWith(`${HEAD}xtable.match(opts{ ${fields} })`);
const target = (fields: string) => machineWith(`${HEAD}xtable.target(opts{ ${fields} })`);

function packet(fields: Partial<ExtensionPacket> = {}): ExtensionPacket {
  const skb = skbOf(ipPacket({ payload: Buffer.from("hello") }));
  return { skb, hotdrop: false, thoff: 20, fragoff: 0, hooknum: 3, ...fields };
}

describe("registration", () => {
  test.each([
    ['name = "-"', "bad field 'name' (string expected, got nil)"],
    ["name = 7", "bad field 'name' (string expected, got number)"],
    ['name = ("x"):rep(29)', "'name' is too long"],
    ['revision = "-"', "bad field 'revision' (number expected, got nil)"],
    ["family = {}", "bad field 'family' (number expected, got table)"],
    ["proto = true", "bad field 'proto' (number expected, got boolean)"],
    ['hooks = "0"', "bad field 'hooks' (number expected, got string)"],
    ['match = "-"', "bad field 'match' (function expected, got nil)"],
    ['checkentry = "-"', "bad field 'checkentry' (function expected, got nil)"],
    ["destroy = 1", "bad field 'destroy' (function expected, got number)"],
    ["family = 5", "unable to register match"],
  ])("%s", (fields, message) => {
    expect(failureOf(`${HEAD}xtable.match(opts{ ${fields} })`)).toBe(`test.lua:9: ${message}`);
  });

  test("what is missing is named in the order of the reference", () => {
    const missing = (found: string) => failureOf(`require("xtable").target{ ${found} }`).split("'")[1];
    let found = "";
    for (const [field, value] of Object.entries({
      name: '"lua"',
      revision: "1",
      family: "0",
      proto: "0",
      hooks: "0",
      target: "print",
      checkentry: "print",
      destroy: "print",
    })) {
      expect(missing(found)).toBe(field);
      found += `${field} = ${value}, `;
    }
  });

  test("needs the context of packets", () => {
    expect(failureOf(`${HEAD}xtable.match(opts{})`, { context: "process" })).toBe(
      "test.lua:9: runtime context mismatch",
    );
    expect(failureOf("require('xtable').match(1)")).toContain("table expected, got number");
  });

  test("is found by name, revision and family, until the runtime stops", () => {
    const { kernel, runtime } = machineWith(
      `${HEAD}xtable.match(opts{ revision = 257 }) xtable.match(opts{ family = 10 }) xtable.target(opts{ family = 2 })`,
    );
    const found = (...args: Parameters<typeof kernel.extensions.find>) =>
      kernel.extensions.find(...args)?.family;
    expect(found("match", "lua", 1, NFPROTO.NFPROTO_IPV4)).toBe(0);
    expect(found("match", "lua", 1, NFPROTO.NFPROTO_IPV6)).toBe(10);
    expect(found("match", "lua", 2, NFPROTO.NFPROTO_IPV4)).toBeUndefined();
    expect(found("match", "luas", 1, NFPROTO.NFPROTO_IPV4)).toBeUndefined();
    expect(found("target", "lua", 1, NFPROTO.NFPROTO_IPV4)).toBe(2);
    expect(found("target", "lua", 1, NFPROTO.NFPROTO_IPV6)).toBeUndefined();
    runtime.stop();
    expect(found("match", "lua", 1, NFPROTO.NFPROTO_IPV4)).toBeUndefined();
  });

  test("has the constants of old scripts", () => {
    const { runtime } = machineWith(
      'local x = require("xtable") return x.family.IPV6, x.action.CONTINUE, x.inet_hooks.LOCAL_OUT',
    );
    expect(runtime.returned).toEqual([10, 4294967295, 3]);
  });
});

describe("match", () => {
  function matched(body: string, of = packet()) {
    const { kernel, log } = match(`match = function(skb, par, userargs) ${body} end`);
    const found = kernel.extensions.find("match", "lua", 1, NFPROTO.NFPROTO_IPV4)!;
    return { ...found.match(of, "args"), log };
  }

  test.each([
    ["return true", true],
    ["return 0", true],
    ["return false", false],
    ["return nil", false],
    ["", false],
    ["return #skb == 33 and skb:getstring(28) == 'hello'", true],
    [
      "return par.hotdrop == false and par.thoff == 20 and par.fragoff == 0 and par.hooknum == 3 or nil",
      true,
    ],
    ["return #userargs == 256 and userargs == 'args' .. ('\\0'):rep(252)", true],
  ])("%s", (body, matches) => {
    expect(matched(body)).toEqual({ matches, hotdrop: false, log: [] });
  });

  test("hotdrop is read back, and left as it was when the function fails", () => {
    expect(matched("par.hotdrop = 1")).toMatchObject({ matches: false, hotdrop: true });
    expect(matched("par.hotdrop = nil return true", packet({ hotdrop: true }))).toMatchObject({
      matches: true,
      hotdrop: false,
    });
    expect(matched("par.hotdrop = true error('oh', 0)")).toEqual({
      matches: false,
      hotdrop: false,
      log: ["error: oh"],
    });
  });

  test("the packet is not to be written, and gone afterwards", () => {
    const { log } = matched("skb:setuint8(0, 1)");
    expect(log).toEqual(["error: test.lua:9: bad argument #1 to 'setuint8' (read only)"]);
    const { kernel, log: rest } = match(
      "match = function(s) skb = s end, checkentry = function() print(#skb) end",
    );
    const second = kernel.extensions.find("match", "lua", 1, NFPROTO.NFPROTO_IPV4)!;
    second.match(packet(), "");
    second.checkEntry("");
    expect(rest).toEqual(["info: 0"]);
  });
});

describe("target", () => {
  test.each([
    ["return 0", 0],
    ["return 5", 5],
    ["return 6", XT_CONTINUE],
    ["return -5", XT_CONTINUE],
    ["return require('xtable').action.CONTINUE", XT_CONTINUE],
    ["return '1'", 1],
    ["return true", 0],
    ["error('oh')", XT_CONTINUE],
  ])("%s", (body, verdict) => {
    const { kernel } = target(`target = function(skb, par, userargs) ${body} end`);
    const found = kernel.extensions.find("target", "lua", 1, NFPROTO.NFPROTO_IPV4)!;
    expect(found.target(packet(), "")).toBe(verdict);
  });

  test("may write the packet", () => {
    const { kernel } = target("target = function(skb) skb:setuint8(28, 72) return 1 end");
    const of = packet();
    kernel.extensions.find("target", "lua", 1, NFPROTO.NFPROTO_IPV4)!.target(of, "");
    expect(of.skb.modified).toBe(true);
    expect(of.skb.bytes[of.skb.netOffset + 28]).toBe(72);
  });
});

test("checkentry and destroy get what the rule gives; an error refuses the rule", () => {
  const { kernel, log } = match(
    `checkentry = function(a) print(#a, a:byte(1)) if a:byte(1) == 66 then error("no B", 0) end return false end,
     destroy = function(a) print("gone", #a, a:byte(1)) end`,
  );
  const found = kernel.extensions.find("match", "lua", 1, NFPROTO.NFPROTO_IPV4)!;
  expect([found.checkEntry("A"), found.checkEntry("B".repeat(300))]).toEqual([true, false]);
  found.destroy("A");
  expect(log).toEqual(["info: 256\t65", "info: 256\t66", "error: no B", "info: gone\t256\t65"]);
});
