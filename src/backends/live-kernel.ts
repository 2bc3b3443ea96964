/** What Lua modules need of the kernel, answered by the one this thread runs on. */

import type { Extension } from "../kernel/extensions.ts";
import { HookRefused } from "../kernel/hooks.ts";
import type { HookRegistration, Kernel, LogLevel } from "../kernel/kernel.ts";
import type { Skb } from "../kernel/skb.ts";
import type { Translation } from "../kernel/translation.ts";
import { realtimeClock } from "../linux/clock.ts";
import { ErrnoError } from "../linux/errors.ts";
import { possibleCpuCount } from "../linux/machine.ts";
import { RawSender } from "../linux/raw-send.ts";
import { RouteSocket } from "../linux/route.ts";
import { NF_VERDICT } from "../uapi/netfilter.ts";
import { LiveConntrack } from "./live-conntrack.ts";
import { LiveDevices } from "./live-devices.ts";
import { Stations } from "./stations.ts";

/** Random numbers are fetched in blocks: asking the system for eight bytes costs a call each time. */
const RANDOM_BLOCK = 256;

export class LiveKernel implements Kernel {
  readonly stations = new Stations();
  readonly devices: LiveDevices;
  readonly conntrack = new LiveConntrack();
  readonly nowNs: () => bigint = realtimeClock();
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #route = new RouteSocket();
  readonly #random = new BigUint64Array(RANDOM_BLOCK);
  #randomUsed = RANDOM_BLOCK;
  #sender: RawSender | undefined;

  /** Its sockets belong to the namespace of the thread that makes it. */
  constructor(log: (level: LogLevel, text: string) => void) {
    this.#log = log;
    this.devices = new LiveDevices(this.#route);
  }

  registerHook(hook: HookRegistration): () => void {
    try {
      return this.stations.register(hook);
    } catch (error) {
      if (error instanceof HookRefused) this.log("error", `netfilter: ${error.message}`);
      throw error;
    }
  }

  /** Rules ask programs of the kernel, not this process; whoever compiles takes extensions before they come here. */
  registerExtension({ kind, name }: Extension): () => void {
    const text = `rules cannot ask user space for the ${kind} '${name}'; --on ebpf compiles matches`;
    this.log("error", `xtable: ${text}`);
    throw new Error(text);
  }

  readonly translation: Translation = {
    register: () => {
      this.log(
        "error",
        "nat: translation is for sim; live packets are translated by rules of nftables or iptables",
      );
      throw new HookRefused("EOPNOTSUPP", "no translation on live packets");
    },
    setUp: () => NF_VERDICT.NF_ACCEPT,
    deviceAddress: () => undefined,
  };

  /** As of extensions. */
  registerXdp(): () => void {
    const text = "frames do not come to user space; --on ebpf --xdp DEV compiles xdp.attach";
    this.log("error", `xdp: ${text}`);
    throw new Error(text);
  }

  random64(): bigint {
    if (this.#randomUsed === RANDOM_BLOCK) {
      globalThis.crypto.getRandomValues(this.#random);
      this.#randomUsed = 0;
    }
    return this.#random[this.#randomUsed++]!;
  }

  log(level: LogLevel, text: string): void {
    this.#log(level, text);
  }

  ifindex(name: string): number | undefined {
    return this.devices.named(name)?.index;
  }

  hardwareAddress(ifindex: number): Uint8Array | undefined {
    return this.devices.numbered(ifindex)?.hardwareAddress;
  }

  cpuCount(): number {
    return possibleCpuCount();
  }

  sleep(milliseconds: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  }

  /** A frame that the device does not take is lost, as in the kernel; the log says why. */
  forward(skb: Skb): void {
    this.#sender ??= new RawSender();
    try {
      this.#sender.send(skb.ifindex, skb.protocol, skb.frame());
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      this.log("error", `cannot forward: ${error.message}`);
    }
  }

  close(): void {
    this.#route.close();
    this.conntrack.close();
    this.#sender?.close();
  }
}
