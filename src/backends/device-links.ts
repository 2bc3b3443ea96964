/**
 * The hooks of a script at devices (`--attach tcx`): those of PRE_ROUTING see what comes in through a device before
 * anything else of the stack does, those of POST_ROUTING what goes out through it, behind everything else. They run
 * behind the programs that are there already, in the order of their priorities.
 */

import { attachTcx, attachXdp, type KernelLink, type KernelProgram } from "../linux/bpf.ts";
import { ErrnoError } from "../linux/errors.ts";
import type { Link } from "../linux/route.ts";
import { directionOf } from "./compile-script.ts";
import type { LiveDevices } from "./live-devices.ts";
import { inOrder, type ProgramAtHook } from "./netfilter-links.ts";

/** A program at a device. */
export interface DeviceHook {
  readonly device: string;
  readonly where: "ingress" | "egress" | "xdp";
  readonly link: KernelLink;
  /** Of XDP: not the driver runs it, but the stack behind it. */
  readonly isGeneric?: boolean;
}

/**
 * The devices of these names, or all of the namespace that are no ports of others: what comes through a port is seen
 * again at the bridge or bond. Throws `ErrnoError` for a name that there is not.
 */
export function devicesOf(devices: LiveDevices, names: readonly string[]): Link[] {
  if (names.length === 0) return devices.all().filter(({ master }) => master === 0);
  return names.map((name) => {
    const device = devices.named(name);
    if (device === undefined)
      throw new ErrnoError(
        "ENODEV",
        "if_nametoindex",
        name,
        "there is no such device in this network namespace",
      );
    return device;
  });
}

/** Attaches every program at every device; throws `ErrnoError` and leaves nothing behind. */
export function attachAtDevices(programs: readonly ProgramAtHook[], devices: readonly Link[]): DeviceHook[] {
  const attached: DeviceHook[] = [];
  try {
    for (const { program, hook } of inOrder(programs))
      for (const { index, name } of devices) {
        const direction = directionOf(hook.hooknum)!;
        const link = attachTcx({ program, ifindex: index, direction });
        attached.push({ device: name, where: direction, link });
      }
    return attached;
  } catch (error) {
    for (const { link } of attached) link.close();
    throw error;
  }
}

/** What another mode would not change. */
const FINAL: readonly string[] = ["EBUSY", "EEXIST", "EPERM", "ENODEV", "ENOMEM"];

/** Runs a program on the frames of each device: in the driver, or behind it where the driver cannot. As `attachAtDevices`. */
export function attachAtFrames(program: KernelProgram, devices: readonly Link[]): DeviceHook[] {
  const attached: DeviceHook[] = [];
  const attach = (ifindex: number, device: string, isGeneric: boolean): void => {
    const link = attachXdp({ program, ifindex, mode: isGeneric ? "generic" : "native" });
    attached.push({ device, where: "xdp", link, isGeneric });
  };
  try {
    for (const { index, name } of devices)
      try {
        attach(index, name, false);
      } catch (error) {
        if (!(error instanceof ErrnoError) || FINAL.includes(error.code)) throw error;
        attach(index, name, true);
      }
    return attached;
  } catch (error) {
    for (const { link } of attached) link.close();
    throw error;
  }
}
