// Runs a script on the built backend `nfqueue`: `run-script.mjs SCRIPT OPTIONS-AS-JSON`. Prints events as JSON lines.
import { readFileSync } from "node:fs";
import { nfqueue } from "../../dist/backends/nfqueue.js";

const [path, options] = process.argv.slice(2);
const print = (event) =>
  console.log(JSON.stringify(event, (_, value) => (typeof value === "bigint" ? String(value) : value)));
try {
  const script = { path, source: readFileSync(path, "latin1") };
  const running = await nfqueue.start(script, JSON.parse(options), { packet: print, log: print });
  process.on("SIGINT", () => running.stop());
  print({ type: "ready", stations: running.stations });
  await running.finished;
  print({ type: "summary", ...running.counters() });
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
  // Stays, so that what vanishes did so before the process ended.
  if (JSON.parse(options).linger) setInterval(() => {}, 1000);
}
