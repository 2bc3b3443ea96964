import { expect, test } from "vitest";
import { HooksRefused } from "../backends/compile-script.ts";
import { VerifierError } from "../bpf/load.ts";
import { assemble } from "../ebpf/index.ts";
import { ErrnoError, UnsupportedError } from "../linux/errors.ts";
import { LuaError } from "../lua/index.ts";
import { CommandFailure } from "./failure.ts";
import { kernelFailure, reasonsAgainst } from "./kernel-failure.ts";

const script = { path: "dir/test.lua", source: "local one\nlocal two\n" };
const refused = new HooksRefused([
  {
    code: "cannot-compile",
    severity: "error",
    message: "that",
    position: { line: 2, column: 7 },
    advice: "do this",
  },
  { code: "cannot-compile", severity: "error", message: "more", position: undefined },
]);
const LOG = "0: (b7) r0 = 1\n1: (95) exit\nR0 is not as it should be\nprocessed 2 insns";
const verifier = new VerifierError(
  assemble("r0 = 1\nexit"),
  new ErrnoError("EACCES", "bpf(BPF_PROG_LOAD)", "program 'x'", LOG),
);
const btf = Object.assign(new Error("no such function"), { name: "BtfError" });

test("reasons to go to user space", () => {
  expect(reasonsAgainst(script, refused)).toEqual(["dir/test.lua:2:7: that; do this", "more"]);
  expect(reasonsAgainst(script, verifier)).toEqual([
    "the kernel's verifier refuses program 'x' at asm:2, slot 1 'exit': R0 is not as it should be",
    expect.stringContaining("a fault of Moonhook"),
  ]);
  expect(reasonsAgainst(script, new UnsupportedError("no such thing", "get one"))).toEqual([
    "no such thing: get one",
  ]);
  expect(reasonsAgainst(script, btf)).toEqual(["no such function"]);
  expect(reasonsAgainst(script, new ErrnoError("EINVAL", "bpf(BPF_LINK_CREATE)", "x"))).toHaveLength(1);
});

test("no reasons: what user space could not do either", () => {
  expect(reasonsAgainst(script, new ErrnoError("ENOENT", "open", "namespace"))).toBeUndefined();
  expect(reasonsAgainst(script, new LuaError("test.lua:1: no"))).toBeUndefined();
  expect(reasonsAgainst(script, new TypeError("our own mistake"))).toBeUndefined();
});

test.each<[string, unknown, number, RegExp, readonly string[]]>([
  [
    "what cannot be compiled",
    refused,
    1,
    /^'dir\/test\.lua' cannot run in the kernel/,
    ["error   ebpf: dir/test.lua:2:7: that", "    2 | local two", "        do this", "error   ebpf: more"],
  ],
  ["the verifier", verifier, 1, /verifier refuses/, [expect.stringContaining("--print log")]],
  ["a namespace that is not there", new ErrnoError("ENOENT", "open", "x"), 2, /ENOENT/, []],
  ["a name that is taken", new ErrnoError("EEXIST", "mkdir", "x"), 2, /EEXIST/, []],
  ["any other call", new ErrnoError("EPERM", "bpf(BPF_MAP_CREATE)", "x"), 3, /EPERM/, []],
  ["what the machine lacks", new UnsupportedError("x", "y"), 3, /^x: y$/, []],
  ["what the kernel's types lack", btf, 3, /^no such function$/, []],
  ["the script's own error", new LuaError("test.lua:2: no"), 1, /^test\.lua:2: no$/, ["    2 | local two"]],
])("%s ends the command", (_, error, status, message, details) => {
  const failure = kernelFailure(script, error);
  expect(failure).toBeInstanceOf(CommandFailure);
  expect(failure).toMatchObject({ status, message: expect.stringMatching(message), details });
});

test("a mistake of ours stays one", () => {
  const mistake = new TypeError("x");
  expect(kernelFailure(script, mistake)).toBe(mistake);
});
