/**
 * The constants against the installed kernel headers: a C program prints every name the headers know. Names that
 * user space does not see (priorities of defragmentation, task states, NETDEV_*) are left to the reference.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const headers = [
  "sys/socket.h",
  "sys/mman.h",
  "sys/stat.h",
  "signal.h",
  "errno.h",
  "linux/netfilter.h",
  "linux/netfilter_arp.h",
  "linux/netfilter_bridge.h",
  "linux/netfilter_ipv4.h",
  "linux/netfilter/nf_conntrack_common.h",
  "linux/netfilter/nf_conntrack_tuple_common.h",
  "linux/netfilter/nf_conntrack_tcp.h",
  "linux/netfilter/nf_nat.h",
  "linux/vt.h",
  "linux/bpf.h",
  "linux/btf.h",
  "linux/if_ether.h",
  "linux/in.h",
  "linux/in6.h",
  "linux/icmp.h",
  "linux/icmpv6.h",
  "linux/netlink.h",
  "linux/genetlink.h",
  "linux/rtnetlink.h",
  "linux/if_link.h",
  "linux/if_addr.h",
  "linux/fib_rules.h",
  "linux/nl80211.h",
  "asm/unistd_64.h",
];

/** Names that count something and grow with each kernel, and SIGRTMIN, of which libc keeps two for itself. */
const exempt = /_MAX$|_NUM(PROTO|HOOKS)$|^RTM_NR_|^SIGRTMIN$/;

/** Every constant of src/uapi by its C name. */
async function allConstants(): Promise<Map<string, number>> {
  const constants = new Map<string, number>();
  const folder = new URL("../../src/uapi/", import.meta.url);
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file === "lua-constants.ts") continue;
    const module: Record<string, unknown> = await import(new URL(file, folder).href);
    for (const table of Object.values(module)) {
      if (typeof table !== "object" || table === null) continue;
      for (const [name, value] of Object.entries(table)) {
        if (typeof value === "number" && /^(__NR_|[A-Z])\w+$/.test(name)) constants.set(name, value);
      }
    }
  }
  return constants;
}

/** Compiles a program that prints `names`; the compiler says which of them it does not know. */
function askHeaders(names: string[], folder: string): Map<string, number> {
  const source = join(folder, "ask.c");
  const program = join(folder, "ask");
  const includes = headers.map((header) => `#include <${header}>`).join("\n");
  let known = names;
  for (let round = 0; round < 5; round++) {
    const lines = known.map((name) => `  printf("${name} %lld\\n", (long long)(int)(${name}));`);
    writeFileSync(
      source,
      `#include <stdio.h>\n${includes}\nint main(void) {\n${lines.join("\n")}\n  return 0;\n}\n`,
    );
    const gcc = spawnSync("gcc", ["-w", "-fmax-errors=0", "-o", program, source], { encoding: "utf8" });
    if (gcc.status === 0) break;
    const unknown = new Set(
      Array.from(gcc.stderr.matchAll(/[‘'](\w+)[’'] undeclared/g), (match) => match[1]!),
    );
    expect(unknown.size, gcc.stderr).toBeGreaterThan(0);
    known = known.filter((name) => !unknown.has(name));
  }
  const output = execFileSync(program, { encoding: "utf8" });
  return new Map(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string])
      .map(([name, value]) => [name, Number(value)]),
  );
}

const toolMissing = spawnSync("gcc", ["--version"]).error !== undefined || process.arch !== "x64";

test.skipIf(toolMissing)("every constant the headers know has their value", async () => {
  const folder = mkdtempSync(join(tmpdir(), "moonhook-uapi-"));
  try {
    const constants = await allConstants();
    const actual = askHeaders([...constants.keys()], folder);
    expect(actual.size).toBeGreaterThan(1000);
    const wrong = [...actual]
      .filter(([name, value]) => constants.get(name) !== value && !exempt.test(name))
      .map(([name, value]) => `${name} is ${value}, not ${constants.get(name)}`);
    expect(wrong).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
