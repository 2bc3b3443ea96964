/** `bin/moonhook run` as a user starts it, on scripts in a folder of its own; what a test leaves running is ended. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Finished, finishedOf, lineOf, type Namespaces } from "./namespace.ts";

const TRAFFIC = fileURLToPath(new URL("traffic.mjs", import.meta.url));

/** A script that is running. */
export interface Armed {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  /** The line that it printed when its hooks were in place. */
  readonly ready: string;
  /** Ends it, as Ctrl-C does unless another signal is named, and gives what it printed. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

export class LiveCommands {
  /** Where scripts are; tests may put other files there. */
  readonly folder = mkdtempSync(join(tmpdir(), "moonhook-live-"));
  readonly #letter: string;
  #started: { child: ChildProcess; ended: Promise<Finished> }[] = [];
  #scripts = 0;

  /** `letter` begins the names of scripts: programs in the kernel are called after them. */
  constructor(letter: string) {
    this.#letter = letter;
  }

  /** How many scripts have been written. */
  get scripts(): number {
    return this.#scripts;
  }

  /** What the script of this number is called, and so its program in the kernel. */
  nameOf(script: number): string {
    return `${this.#letter}${process.pid}_${script}`;
  }

  /** The path of a new script. */
  file(source: string, name = this.nameOf(++this.#scripts)): string {
    const path = join(this.folder, `${name}.lua`);
    writeFileSync(path, source, "latin1");
    return path;
  }

  async arm(script: string, namespace: string, ...options: string[]): Promise<Armed> {
    const child = spawn("bin/moonhook", ["run", script, "--netns", namespace, ...options]);
    const ended = finishedOf(child);
    this.#started.push({ child, ended });
    const ready = await lineOf(child, /moonhook: ready/);
    const stop = (signal: NodeJS.Signals = "SIGINT") => {
      child.kill(signal);
      return ended;
    };
    return { child, ended, ready, stop };
  }

  /** Ends all that still run, as a crash would. */
  async end(): Promise<void> {
    const ends = this.#started;
    this.#started = [];
    for (const { child } of ends) child.kill("SIGKILL");
    for (const { ended } of ends) await ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Starts a server of datagrams in the server's namespace. */
export async function serveEcho(net: Namespaces): Promise<void> {
  await lineOf(net.spawn(net.server, process.execPath, [TRAFFIC, "echo"]), /listening/);
}

/** What the echo server answers the client. */
export const ask = async (net: Namespaces, host: string, ...texts: string[]): Promise<string[]> =>
  answersOf(await net.run(net.client, process.execPath, [TRAFFIC, "ask", host, ...texts]));

/** As `ask`, while this process does nothing else. */
export const answers = (net: Namespaces, host: string, ...texts: string[]): string[] =>
  answersOf(net.exec(net.client, process.execPath, [TRAFFIC, "ask", host, ...texts]));

function answersOf({ stdout, status }: Finished): string[] {
  expect(status, stdout).toBe(0);
  return JSON.parse(stdout) as string[];
}
