/**
 * Two network namespaces joined by a pair of virtual Ethernet devices, for live tests:
 *
 *     client 10.77.0.1/24 fd77::1/64  mh0 <──── veth ────> mh0  10.77.0.2/24 fd77::2/64 server
 *
 * Nothing is ever done to the namespace the tests run in. Namespaces carry the number of the process that made them
 * in their names: they are removed when it ends, and what a killed process left behind is removed by the next one.
 */

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

export const DEVICE = "mh0";
export const CLIENT_V4 = "10.77.0.1";
export const SERVER_V4 = "10.77.0.2";
export const CLIENT_V6 = "fd77::1";
export const SERVER_V6 = "fd77::2";

export interface Finished {
  /** Exit status, null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Namespaces {
  /** Names, as `ip netns` and `--netns` take them. */
  readonly client: string;
  readonly server: string;
  /** Runs a program to its end; never throws for its exit status. The default time limit is 60 s. */
  exec(namespace: string, command: string, args: readonly string[], input?: string): Finished;
  /** As `exec` without blocking this process; killed when the namespaces are removed. */
  run(namespace: string, command: string, args: readonly string[], input?: string): Promise<Finished>;
  /** Starts a program that lives until it is killed or the namespaces are removed. */
  spawn(namespace: string, command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  remove(): void;
}

/** Why live tests cannot run here, or undefined when they can (and then they must). */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (spawnSync("ip", ["netns", "list"]).status !== 0)
    return "the program 'ip' (Debian package iproute2) is missing";
  return undefined;
}

const PREFIX = "mh-test-";
let made = 0;
const living = new Set<() => void>();

/** Creates the two namespaces; they are removed by `remove`, or when this process ends. */
export async function makeNamespaces(): Promise<Namespaces> {
  sweep();
  const base = `${PREFIX}${process.pid}-${++made}`;
  const client = `${base}-c`;
  const server = `${base}-s`;
  const children = new Set<ChildProcess>();
  const remove = () => {
    living.delete(remove);
    for (const child of children) child.kill("SIGKILL");
    for (const name of [client, server]) removeNamespace(name);
  };
  if (living.size === 0) process.on("exit", removeAll);
  living.add(remove);
  try {
    for (const name of [client, server]) {
      ip("netns", "add", name);
      // Duplicate address detection would keep IPv6 addresses unusable for a second or two.
      inNamespace(name, "sh", [
        "-c",
        "for f in all default; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad; done",
      ]);
    }
    ip("link", "add", DEVICE, "netns", client, "type", "veth", "peer", "name", DEVICE, "netns", server);
    addressing(client, CLIENT_V4, CLIENT_V6);
    addressing(server, SERVER_V4, SERVER_V6);
    for (const name of [client, server])
      await eventually(`IPv6 works in ${name}`, () => hasLinkLocalAddress(name));
  } catch (error) {
    remove();
    throw error;
  }
  const start = (namespace: string, command: string, args: readonly string[], options: SpawnOptions = {}) => {
    const child = spawn("ip", ["netns", "exec", namespace, command, ...args], options);
    children.add(child);
    child.on("exit", () => children.delete(child));
    return child;
  };
  return {
    client,
    server,
    remove,
    exec: inNamespace,
    spawn: start,
    run: (namespace, command, args, input) => finishedOf(start(namespace, command, args), input),
  };
}

/** Collects the output of a child until it ends. */
export function finishedOf(child: ChildProcess, input?: string): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text) => (stdout += text));
  child.stderr?.on("data", (text) => (stderr += text));
  child.stdin?.on("error", () => {});
  child.stdin?.end(input ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** Resolves with the first line of the child's output (either stream) that matches; rejects when it ends first. */
export function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = "";
    const look = (text: unknown) => {
      seen += text;
      const line = seen.split("\n").find((each) => pattern.test(each));
      if (line !== undefined) resolve(line);
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.on("error", reject);
    child.on("close", () => reject(new Error(`ended without a line like ${pattern}:\n${seen}`)));
  });
}

/** Tries again until `probe` gives something other than false or undefined, for at most a minute. */
export async function eventually<T>(what: string, probe: () => T | Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    const found = await probe();
    if (found !== false && found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never happened: ${what}`);
}

/** Removes namespaces whose makers have died, with whatever still runs in them. */
function sweep(): void {
  for (const folder of ["/run/netns", "/var/run/netns"]) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
    }
    return;
  }
}

function removeNamespace(name: string): void {
  const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" }).stdout ?? "";
  for (const pid of pids.split("\n")) {
    if (pid === "") continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself in the meantime.
    }
  }
  spawnSync("ip", ["netns", "delete", name]);
}

function removeAll(): void {
  for (const remove of [...living]) remove();
}

function addressing(name: string, v4: string, v6: string): void {
  ip("-n", name, "link", "set", "lo", "up");
  ip("-n", name, "address", "add", `${v4}/24`, "brd", "+", "dev", DEVICE);
  ip("-n", name, "address", "add", `${v6}/64`, "dev", DEVICE, "nodad");
  ip("-n", name, "link", "set", DEVICE, "up");
}

/** Before it has one, a device answers no neighbour solicitation. */
function hasLinkLocalAddress(name: string): boolean {
  const { stdout } = inNamespace(name, "ip", ["-6", "address", "show", "dev", DEVICE]);
  return stdout.includes("inet6 fe80::") && !stdout.includes("tentative");
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}

function inNamespace(name: string, command: string, args: readonly string[], input?: string): Finished {
  const { status, stdout, stderr, error } = spawnSync("ip", ["netns", "exec", name, command, ...args], {
    encoding: "utf8",
    timeout: 60_000,
    ...(input === undefined ? {} : { input }),
  });
  if (error) throw error;
  return { status, stdout, stderr };
}
