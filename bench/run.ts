/** `make bench [ONLY=suite]`: one JSON object a line on standard output. */

const suites: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  conntrack: () => import("./conntrack.ts"),
  ebpf: () => import("./ebpf.ts"),
  "ebpf-traffic": () => import("./ebpf-traffic.ts"),
  lua: () => import("./lua.ts"),
  sim: () => import("./sim.ts"),
};

const only = process.argv[2];
if (only !== undefined && !Object.hasOwn(suites, only)) {
  console.error(`bench: there is no suite '${only}'; there are ${Object.keys(suites).join(", ")}`);
  process.exit(2);
}
for (const [name, load] of Object.entries(suites)) {
  if (only !== undefined && only !== name) continue;
  console.error(`bench: ${name}`);
  await (await load()).run();
}
