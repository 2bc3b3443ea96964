/** The built command as a user calls it: output, messages, exit status. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "moonhook-command-"));
afterAll(() => rmSync(folder, { recursive: true }));

const DNS = "examples/captures/dns.pcap";

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

function moonhook(...args: string[]): { status: number | null; out: string; talk: string } {
  const { status, stdout, stderr } = spawnSync("bin/moonhook", args, { encoding: "utf8" });
  return { status, out: stdout, talk: stderr };
}

const hook = (body: string) => `
local nf = require("linux.nf")
require("netfilter").register{ pf = nf.proto.INET, hooknum = nf.inet.POST_ROUTING, priority = 0, hook = function(skb)
${body}
end }`;

test("run --json prints an object for each packet and log line, and the summary last", () => {
  const { status, out } = moonhook("run", "examples/dnsblock.lua", "--pcap", DNS, "--json");
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(status).toBe(0);
  expect(lines.filter(({ type }) => type === "packet")).toHaveLength(50);
  expect(lines.find(({ n }) => n === 3)).toEqual({
    type: "packet",
    n: 3,
    time: expect.any(Number),
    path: "output",
    verdict: "drop",
    modified: false,
    mark: 0,
  });
  expect(lines.filter(({ type }) => type === "log")[0]).toEqual({
    type: "log",
    level: "info",
    text: "dnsblock: blocked ads.example.com",
  });
  expect(lines.at(-1)).toEqual({
    type: "summary",
    packets: 50,
    accepted: 42,
    dropped: 8,
    modified: 0,
    errors: 0,
  });
});

test("--write keeps what left the path, and the script may be given by name", () => {
  const written = join(folder, "left.pcap");
  expect(moonhook("run", "dnsblock", "--pcap", DNS, "--write", written, "--quiet")).toMatchObject({
    status: 0,
    out: "50 packets: 42 accepted, 8 dropped, 0 modified, 0 script errors\n",
  });
  expect(moonhook("run", "dnsblock", "--pcap", written, "--quiet").out).toContain("42 packets: 42 accepted");
});

test.each([
  ["an endless loop", "while true do end", "instruction budget exceeded"],
  ["endless allocation", "local t = {} while true do t[#t + 1] = { #t } end", "not enough memory"],
  ["an endless recursion", "local function f() return 1 + f() end f()", "stack overflow"],
  ["an error", "local x = nil; x.y = 1", "attempt to index a nil value (local 'x')"],
])("%s in a hook is logged, the packet accepted, the next one served", (_, body, message) => {
  const script = file("bad.lua", hook(`served = (served or 0) + 1\nprint("served " .. served)\n${body}`));
  const { status, out, talk } = moonhook("run", script, "--pcap", DNS, "--memory", "64");
  expect(status).toBe(0);
  expect(talk).toContain(message);
  expect(out).toContain("served 31\n");
  expect(out).toContain("50 accepted, 0 dropped, 0 modified, 31 script errors");
});

test.each([
  ["no command", [], 2, "usage:"],
  ["an unknown command", ["fly"], 2, "there is no command 'fly'"],
  ["an unknown option", ["run", "--fly"], 2, "--fly"],
  ["no script", ["run"], 2, "no script given"],
  ["a missing script", ["run", "nowhere", "--pcap", DNS], 2, "cannot find script 'nowhere'"],
  [
    "a missing capture",
    ["run", "dnsblock", "--pcap", "nowhere.pcap"],
    2,
    "cannot open capture 'nowhere.pcap'",
  ],
  [
    "a bad number",
    ["run", "dnsblock", "--pcap", DNS, "--budget", "many"],
    2,
    "--budget needs a whole number",
  ],
  ["an argument too many", ["doctor", "now"], 2, "unexpected 'now'"],
  ["two scripts to check", ["check", "dnsblock", "dnsblock"], 2, "give one script"],
  ["a wrong address", ["run", "dnsblock", "--pcap", DNS, "--local", "300.1.1.1"], 2, "'300.1.1.1' is no"],
  [
    "a folder to read",
    ["run", "dnsblock", "--pcap", "src"],
    2,
    "cannot open capture 'src': it is a directory",
  ],
  [
    "a folder to write",
    ["run", "dnsblock", "--pcap", DNS, "--write", "src"],
    2,
    "cannot write 'src': it is a",
  ],
  [
    "a place that is not there",
    ["run", "dnsblock", "--pcap", DNS, "--write", "no/where"],
    2,
    "cannot write 'no/where': ENOENT: no such file or directory\n",
  ],
  [
    "an option of another backend",
    ["run", "dnsblock", "--on", "ebpf", "--fail", "closed"],
    2,
    "--fail means nothing on ebpf",
  ],
  [
    "a pin elsewhere",
    ["run", "dnsblock", "--on", "nfqueue", "--pin", "x"],
    2,
    "--pin means nothing on nfqueue",
  ],
  ["a pin with a capture", ["run", "dnsblock", "--pcap", DNS, "--pin", "x"], 2, "--pin means nothing on sim"],
  ["nothing to stop", ["stop"], 2, "no name given"],
  ["what was never pinned", ["stop", "never-pinned"], 1, "no hooks of the name 'never-pinned'"],
  ["a wrong context", ["run", "dnsblock", "soft", "--pcap", DNS], 2, "'soft' is no context"],
])("%s is a clear error", (_, args, status, message) => {
  const result = moonhook(...args);
  expect(result.talk).toContain(message);
  expect(result).toMatchObject({ status, out: "" });
});

test("a script error names position and source line", () => {
  const script = file("broken.lua", "local a = 1\nlocal b = a.b.c\n");
  expect(moonhook("run", script, "--pcap", DNS)).toMatchObject({
    status: 1,
    talk: expect.stringContaining(
      `${script}:2: attempt to index a number value (local 'a')\n    2 | local b = a.b.c\n`,
    ),
  });
});

test("a cut capture: packets before the damage are processed and kept, the damage is reported", () => {
  const whole = readFileSync(DNS);
  const cut = file("cut.pcap", whole.subarray(0, whole.length - 30));
  const written = join(folder, "kept.pcap");
  const { status, out, talk } = moonhook("run", "dnsblock", "--pcap", cut, "--write", written, "--quiet");
  expect({ status, out }).toEqual({
    status: 1,
    out: "49 packets: 41 accepted, 8 dropped, 0 modified, 0 script errors\n",
  });
  expect(talk).toContain("cannot read all of");
  expect(moonhook("run", "dnsblock", "--pcap", written, "--quiet").out).toContain("41 packets");
});

test("a foreign file is refused, and replaces nothing", () => {
  const foreign = file("foreign.pcap", "this is no capture at all, but a sentence");
  const written = file("precious.pcap", "precious");
  const { status, talk } = moonhook("run", "dnsblock", "--pcap", foreign, "--write", written);
  expect(status).toBe(1);
  expect(talk).toContain("cannot read all of");
  expect(readFileSync(written, "utf8")).toBe("precious");
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test.each(["run", "check", "lua", "doctor", "list", "stop"])("%s has help, asked for in any way", (name) => {
  const { status, out, talk } = moonhook(name, "--help");
  expect({ status, talk }).toEqual({ status: 0, talk: "" });
  expect(out).toMatch(new RegExp(`^usage: moonhook ${name} .*\n\n[A-Z].*\\.\n\noptions:\n  --`));
  expect(moonhook(name, "-h").out).toBe(out);
  expect(moonhook("help", name).out).toBe(out);
  expect(moonhook("--help").out).toContain(`\n  ${name} `);
});

test("check finds what a script asks for in vain", () => {
  expect(moonhook("check", "dnsblock")).toMatchObject({
    status: 0,
    out: expect.stringContaining("sim: examples/dnsblock.lua can run"),
  });
  // Found only by running its top level.
  const failing = file("failing.lua", "local a = 1\nlocal b = a.b.c\n");
  expect(moonhook("check", failing, "--on", "ebpf")).toMatchObject({
    status: 1,
    out: `error   ebpf: ${failing}:2:1: attempt to index a number value (local 'a')\n    2 | local b = a.b.c\n`,
  });
  // What goes to user space for some packets only is told, and no failure.
  const partly = file("partly.lua", hook("if #skb:data() > 1000 then skb:copy() end return 1"));
  expect(moonhook("check", partly, "--on", "ebpf")).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^warning {3}ebpf: .*: packets that come here go to user space\n/),
  });
  expect(moonhook("check", partly, "--on", "ebpf", "--json").out).toContain('"backend":"ebpf","ok":true}');
  const script = file("vain.lua", 'local x = require("nosuch")\n');
  expect(moonhook("check", script)).toMatchObject({
    status: 0,
    out: expect.stringContaining(`warning   sim: ${script}:1:18: module 'nosuch'`),
  });
  const wrong = file("wrong.lua", "local x = = 1\n");
  expect(moonhook("check", wrong)).toMatchObject({
    status: 1,
    out: expect.stringContaining(
      `error   sim: ${wrong}:1:1: unexpected symbol near '='\n    1 | local x = = 1\n`,
    ),
  });
});

test("check prints what a script becomes in the kernel", () => {
  const script = file("all.lua", hook("return 0"));
  expect(moonhook("check", script, "--print", "ir").out).toMatch(/^b\d+\(.*\) of all:\n/);
  const asm = moonhook("check", script, "--print", "asm").out;
  expect(asm).toMatch(/^all:\n/);
  expect(asm).toMatch(/^ +\d+: r0 = 0$/m);
  const refused = file("refused.lua", hook("return #skb:copy():data() > 100 and 0 or 1"));
  expect(moonhook("check", refused, "--print", "asm")).toMatchObject({
    status: 1,
    out: "",
    talk: expect.stringMatching(/refused\.lua:\d+:\d+: a copy of the packet cannot be compiled\n/),
  });
});

test("lua runs a file with arguments, prints bytes, and fails with status 1", () => {
  const script = file("program.lua", "print(select('#', ...), (...), '\\xe2\\x82\\xac') error('enough')");
  expect(moonhook("lua", script, "one", "two")).toMatchObject({
    status: 1,
    out: "2\tone\t€\n",
    talk: `moonhook lua: ${script}:1: enough\n`,
  });
});

test("run --rules: rules stand in the path, ask a match of the script, and are written with their counters", () => {
  const rules = file(
    "rules",
    '*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -m udp --dport 53 -m even -j LOG --log-prefix "even "\n-A OUTPUT -m even -j DROP\nCOMMIT\n',
  );
  const script = file(
    "even.lua",
    `local xtable = require("xtable")
xtable.match{ name = "even", revision = 0, family = xtable.family.UNSPEC, proto = 0, hooks = 0,
  match = function(skb, par) return par.thoff == 20 and skb:getuint8(21) % 2 == 0 end, checkentry = function() end, destroy = function() end }`,
  );
  const { status, out } = moonhook(
    "run",
    script,
    "--pcap",
    DNS,
    "--rules",
    rules,
    "--counters",
    "-",
    "--json",
  );
  expect(status).toBe(0);
  const lines = out.trimEnd().split("\n");
  const events = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const dropped = events.filter(({ verdict }) => verdict === "drop").length;
  expect(dropped).toBeGreaterThan(0);
  expect(dropped).toBeLessThan(events.filter(({ path }) => path === "output").length);
  const logged = events.filter(({ type }) => type === "log").map(({ text }) => text);
  expect(logged).toHaveLength(dropped);
  expect(logged[0]).toMatch(
    /^even IN= OUT=eth0 SRC=\S+ DST=\S+ LEN=\d+ TTL=\d+ PROTO=UDP SPT=\d*[02468] DPT=53$/,
  );
  expect(lines).toContainEqual(
    expect.stringMatching(new RegExp(`^\\[${dropped}:\\d+\\] -A OUTPUT -m even -j DROP$`)),
  );
});

test("run --machine: packets go by its routes, and its address is what rules of table nat give them", () => {
  const machine = file(
    "machine.json",
    `{ "devices": [{ "name": "lan", "addresses": ["10.99.0.1"], "routes": ["10.77.0.1/32"] },
      { "name": "wan", "addresses": ["203.0.113.1/24"], "routes": ["0.0.0.0/0", "::/0"] }] }`,
  );
  const rules = file("nat", "*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n");
  const script = file(
    "from.lua",
    hook(
      'local s = skb:data() print(s:getuint8(0) == 0x45 and s:getuint32(12) == 0x017100cb and "translated" or "as it was")',
    )
      .replace(/hooknum = [^,]+/, "hooknum = nf.inet.POST_ROUTING")
      .replace(/priority = [^,]+/, "priority = 200"),
  );
  const { status, out } = moonhook(
    "run",
    script,
    "--pcap",
    DNS,
    "--machine",
    machine,
    "--rules",
    rules,
    "--json",
  );
  expect(status).toBe(0);
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const modified = events.filter(({ modified }) => modified === true).length;
  expect(modified).toBeGreaterThan(5);
  const logged = events.filter(({ type }) => type === "log").map(({ text }) => text);
  expect(logged.filter((text) => text === "translated")).toHaveLength(modified);
  expect(logged).toContain("as it was");
  const wrong = file("wrong.json", '{ "devices": [{ "nam": "lan" }] }');
  expect(moonhook("run", script, "--pcap", DNS, "--machine", wrong)).toMatchObject({
    status: 2,
    talk: expect.stringContaining(
      "devices[0].nam: there is no such field; there are name, mac, addresses, routes",
    ),
  });
});

test("run --rules: a rule that is not understood ends the run with its line", () => {
  const rules = file("bad", "*filter\n-A OUTPUT -m nothing -j DROP\nCOMMIT\n");
  const { status, talk } = moonhook("run", "examples/dnsblock.lua", "--pcap", DNS, "--rules", rules);
  expect(status).toBe(1);
  expect(talk).toContain(
    "cannot use the rules: line 2: there is no match 'nothing': -A OUTPUT -m nothing -j DROP",
  );
});
