/** `moonhook/bpf` in a process of its own, inside a namespace: what it holds goes when it ends. */

import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespaces } from "./namespace.ts";

const HOST = fileURLToPath(new URL("bpf-host.mjs", import.meta.url));
const LIBRARY = new URL("../../dist/bpf/index.js", import.meta.url).href;

export interface BpfFailure {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
}

export interface BpfHost {
  readonly child: ChildProcess;
  /** Runs the body of an async function (`bpf`: the library, `kept`: an object that stays); gives what it returns. */
  run(body: string): Promise<unknown>;
  /** As `run`, for a body that must fail. */
  fail(body: string): Promise<BpfFailure>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

type Answer = { readonly value?: unknown; readonly error?: BpfFailure };

export async function startBpfHost(net: Namespaces, namespace: string): Promise<BpfHost> {
  const child = net.spawn(namespace, process.execPath, [HOST, LIBRARY], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done) throw new Error("the process ended");
    return value;
  };
  await next();
  const ask = async (body: string): Promise<Answer> => {
    child.stdin!.write(`${JSON.stringify(body)}\n`);
    return JSON.parse(await next()) as Answer;
  };
  return {
    child,
    async run(body) {
      const { value, error } = await ask(body);
      if (error) throw new Error(`${error.name}: ${error.message}`);
      return value;
    },
    async fail(body) {
      const { value, error } = await ask(body);
      if (error === undefined) throw new Error(`did not fail, but returned ${JSON.stringify(value)}`);
      return error;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
