import { beforeEach, expect, test } from "vitest";
import { LuaState } from "../state.ts";
import type { LuaTable } from "../table.ts";
import { type LuaFunction, type LuaResult, LuaUserdata, type LuaValue, resultList } from "../value.ts";
import { type HostFile, openIo } from "./io.ts";

let files: Map<string, string>;
let library: LuaTable;

/** A file in memory; writing to "/full" fails. */
class MemoryFile implements HostFile {
  private at = 0;
  private readonly path: string;

  constructor(path: string, mode: string) {
    this.path = path;
    if (mode.startsWith("w")) files.set(path, "");
    if (mode.startsWith("a")) this.at = this.text.length;
  }

  private get text(): string {
    return files.get(this.path) ?? "";
  }

  read(count: number): string {
    const part = this.text.slice(this.at, this.at + count);
    this.at += part.length;
    return part;
  }

  write(bytes: string): void {
    if (this.path === "/full") throw new Error("ENOSPC");
    files.set(this.path, this.text.slice(0, this.at) + bytes + this.text.slice(this.at + bytes.length));
    this.at += bytes.length;
  }

  seek(whence: "set" | "cur" | "end", offset: number): number {
    const base = { set: 0, cur: this.at, end: this.text.length }[whence];
    if (base + offset < 0) throw new Error("EINVAL");
    this.at = base + offset;
    return this.at;
  }

  flush(): void {}
  close(): void {}
}

beforeEach(() => {
  files = new Map([
    ["/text", "one\ntwo\n\nlast"],
    ["/empty", ""],
    ["/full", ""],
  ]);
  const state = new LuaState();
  openIo(state, {
    open: (path, mode) => (files.has(path) || mode[0] !== "r" ? new MemoryFile(path, mode) : undefined),
  });
  library = state.globals.get("io") as LuaTable;
});

const io = (name: string, ...args: LuaValue[]): LuaResult => (library.get(name) as LuaFunction)(...args);
const open = (path: string, mode?: string): LuaUserdata => io("open", path, mode) as LuaUserdata;
const method = (file: LuaUserdata, name: string, ...args: LuaValue[]): LuaValue[] => {
  const methods = file.metatable!.get("__index") as LuaTable;
  return resultList((methods.get(name) as LuaFunction)(file, ...args));
};

test.each<[string, LuaValue[], LuaValue[]]>([
  ["/text", [], ["one"]],
  ["/text", ["l", "L", "l", "l", "l"], ["one", "two\n", "", "last", undefined]],
  ["/text", [4, 2, "a"], ["one\n", "tw", "o\n\nlast"]],
  ["/text", ["a", "a", "l"], ["one\ntwo\n\nlast", "", undefined]],
  ["/text", [0], [""]],
  ["/empty", [0], [undefined]],
  ["/empty", ["a"], [""]],
  ["/empty", ["l", "l"], [undefined]],
])("%s read by %j", (path, formats, wanted) => {
  expect(method(open(path), "read", ...formats)).toEqual(wanted);
});

test("write returns the file; what is written can be read after a seek", () => {
  const file = open("/new", "w+");
  expect(method(file, "write", "a", 1, "\n")).toEqual([file]);
  expect(method(file, "seek", "set", 1)).toEqual([1]);
  expect(method(file, "read", "a")).toEqual(["1\n"]);
  expect(method(file, "seek", "end")).toEqual([3]);
});

test("a position told or written at is where the script thinks it is, whatever was read ahead", () => {
  const file = open("/text", "r+");
  method(file, "read", "l");
  expect(method(file, "seek")).toEqual([4]);
  method(file, "write", "TWO");
  expect(files.get("/text")).toBe("one\nTWO\n\nlast");
});

test("append writes behind what is there", () => {
  method(open("/text", "ab"), "write", "!");
  expect(files.get("/text")).toBe("one\ntwo\n\nlast!");
});

test("failures give nil and one text", () => {
  expect(io("open", "/missing")).toEqual([undefined, "I/O error"]);
  expect(method(open("/full", "w"), "write", "x")).toEqual([undefined, "I/O error"]);
  expect(method(open("/text"), "seek", "set", -1)).toEqual([undefined, "I/O error"]);
});

test("misuse raises", () => {
  expect(() => io("open", "/text", "rw")).toThrow("invalid mode");
  expect(() => method(open("/text"), "read", "n")).toThrow("invalid format");
  expect(() => method(open("/text"), "seek", "bad")).toThrow("invalid option 'bad'");
  expect(() => io("lines", "/missing")).toThrow("I/O error");
  expect(() => io("type")).toThrow("value expected");
});

test("a closed file says so and refuses everything", () => {
  const file = open("/text");
  expect(io("type", file)).toBe("file");
  expect(method(file, "close")).toEqual([true]);
  expect(io("type", file)).toBe("closed file");
  for (const name of ["read", "write", "lines", "flush", "seek", "close"]) {
    expect(() => method(file, name)).toThrow("attempt to use a closed file");
  }
  expect(io("type", 1)).toBeUndefined();
});

test("io.lines reads to the end, closes the file, and can be closed earlier", () => {
  const [next, , , closing] = resultList(io("lines", "/text")) as [
    LuaFunction,
    LuaValue,
    LuaValue,
    LuaUserdata,
  ];
  expect([next(), next(), next(), next(), next()]).toEqual(["one", "two", "", "last", undefined]);
  expect(io("type", closing)).toBe("closed file");
  expect(() => next()).toThrow("file is already closed");

  const file = open("/text");
  (file.metatable!.get("__close") as LuaFunction)(file);
  expect(io("type", file)).toBe("closed file");
});

test("a line longer than the read-ahead comes whole", () => {
  files.set("/long", `${"x".repeat(10_000)}\ny`);
  expect(method(open("/long"), "read", "l", "l")).toEqual(["x".repeat(10_000), "y"]);
  expect(open("/long")).toBeInstanceOf(LuaUserdata);
});
