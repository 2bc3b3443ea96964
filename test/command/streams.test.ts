/** The built command between pipes, devices, signals and terminals. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-streams-"));
afterAll(() => rmSync(folder, { recursive: true }));

const DNS = "examples/captures/dns.pcap";
const path = (name: string) => join(folder, name);

/** The capture of the examples, a thousand times over: twenty thousand packets. */
function longCapture(): string {
  const whole = readFileSync(DNS);
  const header = whole.subarray(0, 24);
  const file = path("long.pcap");
  writeFileSync(file, Buffer.concat([header, ...Array.from({ length: 1000 }, () => whole.subarray(24))]));
  return file;
}

const script = (name: string, body: string): string => {
  writeFileSync(
    path(name),
    `local nf = require("linux.nf")
require("netfilter").register{ pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = 0, hook = function(skb)
${body} return nf.action.ACCEPT end }`,
  );
  return path(name);
};

const shell = (line: string) => spawnSync("bash", ["-c", `set -o pipefail; ${line}`], { encoding: "utf8" });
const run = `bin/moonhook run examples/dnsblock.lua --local 10.77.0.1`;

test.each([
  ["a pipe", `cat ${DNS} | ${run} --quiet --pcap -`],
  ["a redirected file", `${run} --quiet --pcap - < ${DNS}`],
  ["a process substitution", `${run} --quiet --pcap <(cat ${DNS})`],
])("the capture comes from %s", (_, line) => {
  const { status, stdout } = shell(line);
  expect(stdout).toMatch(/^50 packets: 42 accepted/);
  expect(status).toBe(0);
});

test("with --write - standard output is the capture and nothing else", () => {
  const file = path("kept.pcap");
  shell(`${run} --pcap ${DNS} --write ${file}`);
  const { stdout, stderr } = spawnSync("bash", ["-c", `${run} --pcap ${DNS} --write -`], {
    encoding: "latin1",
  });
  expect(stdout).toBe(readFileSync(file, "latin1"));
  expect(stderr).toContain("dnsblock: blocked");
  expect(stderr).toMatch(/50 packets: .*\n$/);
});

test("a capture may be written over itself, and through a symbolic link", () => {
  writeFileSync(path("itself.pcap"), readFileSync(DNS));
  symlinkSync("itself.pcap", path("link.pcap"));
  shell(`${run} --pcap ${path("itself.pcap")} --write ${path("link.pcap")}`);
  expect(lstatSync(path("link.pcap")).isSymbolicLink()).toBe(true);
  expect(shell(`${run} --quiet --pcap ${path("itself.pcap")}`).stdout).toMatch(/^42 packets: 42 accepted/);
});

test("a pipe is written to, and stays one", () => {
  const fifo = path("fifo");
  spawnSync("mkfifo", [fifo]);
  const { stdout } = shell(`${run} --quiet --pcap ${DNS} --write ${fifo} & cat ${fifo} | wc -c; wait`);
  expect(stdout).toContain(String(statSync(path("kept.pcap")).size));
  expect(statSync(fifo).isFIFO()).toBe(true);
});

test("a full device is a clear error, for the capture and for the output, and stays a device", () => {
  const { status, stderr } = shell(`${run} --quiet --pcap ${DNS} --write /dev/full`);
  expect(stderr).toContain("cannot write '/dev/full': ENOSPC: no space left on device\n");
  expect(status).toBe(1);
  expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
  for (const command of [
    `${run} --pcap ${DNS}`,
    "bin/moonhook --help",
    "bin/moonhook lua <(echo 'print(1)')",
  ]) {
    const full = shell(`${command} > /dev/full`);
    expect(full.stderr).toContain("cannot write output: ENOSPC: no space left on device\n");
    expect(full.stderr).not.toContain("internal error");
    expect(full.status).toBe(1);
  }
});

test.each([
  ["run", `${run} --json --pcap LONG`],
  ["lua", "bin/moonhook lua <(echo 'while true do print(1) end')"],
])("%s ends quietly when its reader goes away", (_, line) => {
  const { status, stderr } = shell(`${line.replace("LONG", longCapture())} | head -n 1 > /dev/null`);
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

test("a capture is written to its end, whether or not anyone reads the output", () => {
  const file = path("whole.pcap");
  shell(`${run} --json --pcap ${longCapture()} --write ${file} | head -n 1`);
  expect(shell(`${run} --quiet --pcap ${file}`).stdout).toMatch(/^42000 packets/);
});

/** Resolves when the child has said this. */
const said = (child: ChildProcess, text: string): Promise<void> =>
  new Promise((resolve) => {
    let seen = "";
    child.stdout?.on("data", (data) => {
      seen += data;
      if (seen.includes(text)) resolve();
    });
  });

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.on("exit", resolve));

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends a run cleanly in mid-capture",
  async (signal) => {
    const file = path(`${signal}.pcap`);
    // Speaks at once and then works for longer than a test may take.
    const slow = script(
      "slow.lua",
      `n = (n or 0) + 1 if n == 1 then print(("x"):rep(100000)) end for i = 1, 100000 do end`,
    );
    const args = ["run", slow, "--pcap", longCapture(), "--local", "10.77.0.1", "--write", file];
    const child = spawn("bin/moonhook", args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    const end = ended(child);
    await said(child, "xxx");
    child.kill(signal);
    expect(await end).toBe(0);
    const packets = Number(/\n(\d+) packets: /.exec(output)?.[1]);
    expect(packets).toBeGreaterThan(0);
    expect(packets).toBeLessThan(50_000);
    // What had left the path by then is kept.
    expect(shell(`${run} --quiet --pcap ${file}`).stdout).toMatch(/packets/);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  },
);

test("a signal ends a run that waits for packets", async () => {
  const hello = path("hello.lua");
  writeFileSync(hello, `print(("x"):rep(100000))`);
  const child = spawn("bin/moonhook", ["run", hello, "--pcap", "-", "--local", "10.77.0.1"]);
  const end = ended(child);
  await said(child, "xxx");
  child.kill("SIGINT");
  expect(await end).toBe(0);
});

/** What a command writes to a terminal, which is made by `script` (bsdutils). */
const onTerminal = (line: string): string =>
  spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "latin1" }).stdout;

test("colours and progress are for terminals only", () => {
  const failing = "bin/moonhook run nowhere";
  expect(onTerminal(failing)).toContain("\x1b[31mmoonhook:\x1b[0m");
  expect(onTerminal(`NO_COLOR=1 ${failing}`)).not.toContain("\x1b");
  expect(shell(failing).stderr).not.toContain("\x1b");
  const long = `bin/moonhook run ${script("work.lua", "for i = 1, 20000 do end")} --pcap ${longCapture()} --quiet`;
  expect(onTerminal(long)).toMatch(/\r\x1b\[K\d+ packets\r\x1b\[K50000 packets: /);
  expect(shell(long).stderr).not.toContain("\x1b");
});

test("a command with its standard streams closed does not fail", () => {
  expect(shell(`${run} --quiet --pcap ${DNS} <&- 2>&-`).status).toBe(0);
});
