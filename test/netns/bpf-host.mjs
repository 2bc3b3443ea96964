// Runs pieces of a program inside a namespace, one for each line of its input (a JSON string), and answers each with a
// line: what it returned, or how it failed. `bpf` is the library, `kept` holds what later pieces need: so a link lives
// as long as this process, and a test can look at the traffic in between. `ifindex` gives a device's number, `require`
// Node's modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const bpf = await import(process.argv[2]);
const require = createRequire(import.meta.url);
const kept = {};
const ifindex = (name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`));
const plain = (_, value) =>
  typeof value === "bigint" ? String(value) : value instanceof Uint8Array ? [...value] : value;

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const piece = new Function(
      "bpf",
      "kept",
      "ifindex",
      "require",
      `return (async () => { ${JSON.parse(line)} })()`,
    );
    answer = { value: await piece(bpf, kept, ifindex, require) };
  } catch (error) {
    answer = { error: { name: error.name, code: error.code, message: error.message } };
  }
  console.log(JSON.stringify(answer, plain));
}
