/**
 * Fails on an import against the direction of ARCHITECTURE.md: `may` lists, for each folder of src, the folders it
 * may import from. Node's own modules and npm packages are for `linux` and `cli` only.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const may: Record<string, string[]> = {
  util: [],
  lua: ["util"],
  uapi: ["util"],
  wire: ["util", "uapi"],
  ebpf: ["util", "lua", "uapi", "wire"],
  compiler: ["util", "lua", "uapi", "wire", "kernel", "ebpf"],
  kernel: ["util", "wire", "uapi"],
  modules: ["util", "lua", "wire", "uapi", "kernel"],
  runtime: ["util", "lua", "wire", "uapi", "kernel", "modules"],
  linux: ["util", "wire", "uapi"],
  bpf: ["util", "wire", "uapi", "ebpf", "linux"],
  backends: [
    "util",
    "lua",
    "wire",
    "uapi",
    "kernel",
    "modules",
    "runtime",
    "linux",
    "ebpf",
    "bpf",
    "compiler",
    "ebpf",
    "bpf",
  ],
  cli: ["util", "lua", "wire", "uapi", "kernel", "modules", "runtime", "linux", "bpf", "backends", "."],
  // src/index.ts: the public entry, without anything of Node.
  ".": ["util", "lua", "wire", "uapi", "kernel", "modules", "runtime", "backends"],
};
const mayUseNode = new Set(["linux", "cli"]);

const root = process.argv[2] ?? "src";
const problems: string[] = [];
let files = 0;
for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
  files++;
  const folderOf = (path: string) => {
    const parts = relative(root, path).split("/");
    return parts.length === 1 ? "." : parts[0]!;
  };
  const folder = folderOf(file);
  const allowed = may[folder];
  if (allowed === undefined) {
    problems.push(`${file}: folder '${folder}' has no place in scripts/check-layers.ts`);
    continue;
  }
  const source = readFileSync(file, "utf8");
  for (const match of source.matchAll(
    /^\s*(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  )) {
    const target = (match[1] ?? match[2])!;
    if (target.startsWith(".")) {
      const other = folderOf(normalize(join(dirname(file), target)));
      if (other !== folder && !allowed.includes(other)) {
        problems.push(
          `${file}: '${folder}' must not import '${target}' (allowed: ${allowed.join(" ") || "nothing"})`,
        );
      }
    } else if (!mayUseNode.has(folder)) {
      problems.push(`${file}: only ${[...mayUseNode].join(" and ")} may import '${target}'`);
    }
  }
}
if (files === 0) problems.push(`${root}: no TypeScript files found`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`layers: ${files} files, every import goes the right way`);
