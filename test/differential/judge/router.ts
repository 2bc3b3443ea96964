/**
 * The judge: a real Linux router in a namespace of its own, with two devices whose wires are in our hands.
 *
 *     client 10.0.1.2 fd01::2 ── ta 10.0.1.1 fd01::1 [router] tb 10.0.2.1 fd02::1 ── server 10.0.2.2 fd02::2
 *
 * Neighbours are known, no checks of addresses are on, and no ICMP error is held back, so that nothing depends on time.
 */

import { spawnSync } from "node:child_process";
import { withinNamespace } from "../../../src/linux/netns.ts";
import { TapDevice } from "../../../src/linux/tap.ts";
import { ICMPV6 } from "../../../src/uapi/icmpv6.ts";
import { ETH_P } from "../../../src/uapi/if-ether.ts";
import { ethernet } from "../../../src/wire/ethernet.ts";
import { ipv6 } from "../../../src/wire/ipv6.ts";

export const CLIENT = { v4: "10.0.1.2", v6: "fd01::2" };
export const SERVER = { v4: "10.0.2.2", v6: "fd02::2" };
export const ROUTER = { ta: { v4: "10.0.1.1", v6: "fd01::1" }, tb: { v4: "10.0.2.1", v6: "fd02::1" } };
export const DEVICES = ["ta", "tb"] as const;
export type DeviceName = (typeof DEVICES)[number];

export const CLIENT_MAC = Uint8Array.of(2, 0, 0, 0, 1, 2);
export const ROUTER_MACS = { ta: Uint8Array.of(2, 0, 0, 0, 1, 1), tb: Uint8Array.of(2, 0, 0, 0, 2, 1) };
const SERVER_MAC = Uint8Array.of(2, 0, 0, 0, 2, 2);

/** A packet that the router sent, from its network header on. */
export interface Sent {
  readonly device: DeviceName;
  readonly packet: Uint8Array;
}

export interface Router {
  /** Loads rules, as `iptables-restore` and `ip6tables-restore` do, with no connections; throws with what they say. */
  restore(family: "v4" | "v6", rules: string): void;
  /** `iptables-save -c` */
  save(family: "v4" | "v6"): string;
  /** Sends a frame to a device and gives what the router sent because of it. */
  inject(device: DeviceName, frame: Uint8Array): Sent[];
  /** Reports of multicast groups that the router sent of its own accord so far. Rules count them, too. */
  reports(): number;
  close(): void;
}

const text = (mac: Uint8Array): string =>
  [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":");

let made = 0;

export function makeRouter(): Router {
  const namespace = `mh-test-${process.pid}-judge-${++made}`;
  run("ip", ["netns", "add", namespace]);
  const remove = () => void spawnSync("ip", ["netns", "del", namespace]);
  process.on("exit", remove);
  const within = (command: string, args: readonly string[], input?: string): string =>
    run("ip", ["netns", "exec", namespace, command, ...args], input);
  let taps: Record<DeviceName, TapDevice> | undefined;
  const close = (): void => {
    for (const tap of Object.values(taps ?? {})) tap.close();
    remove();
    process.off("exit", remove);
  };
  try {
    within("sh", ["-c", SETTINGS.map(([name, value]) => `echo ${value} > /proc/sys/net/${name}`).join("\n")]);
    taps = withinNamespace(namespace, () => ({ ta: new TapDevice("ta"), tb: new TapDevice("tb") }));
    within("ip", ["-batch", "-"], DEVICE_COMMANDS.join("\n"));
  } catch (error) {
    close();
    throw error;
  }
  const devices = taps;
  const tool = (family: "v4" | "v6", action: string): string =>
    `${family === "v4" ? "iptables" : "ip6tables"}-legacy-${action}`;
  let reports = 0;
  const receiveAll = (): Sent[] => {
    const sent: Sent[] = [];
    for (const name of DEVICES) {
      for (let frame = devices[name].receive(); frame; frame = devices[name].receive()) {
        const packet = frame.subarray(ethernet.size);
        if (isMulticastReport(packet)) reports++;
        else sent.push({ device: name, packet });
      }
    }
    return sent;
  };
  return {
    restore(family, rules) {
      // What is not named would stay as it was.
      for (const [table, chains] of Object.entries(TABLES))
        if (!rules.includes(`*${table}\n`))
          rules += `*${table}\n${chains.map((chain) => `:${chain} ACCEPT\n`).join("")}COMMIT\n`;
      within(tool(family, "restore"), [], rules);
      if (/ct|state|nat/.test(rules)) within("conntrack", ["-F"]);
    },
    save: (family) => within(tool(family, "save"), ["-c"]),
    inject(device, frame) {
      receiveAll();
      devices[device].send(frame);
      return receiveAll();
    },
    reports: () => {
      receiveAll();
      return reports;
    },
    close,
  };
}

const TABLES = {
  raw: ["PREROUTING", "OUTPUT"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
};

/** MLDv2 (RFC 3810 §5.2) behind a hop-by-hop header of 8 bytes. */
function isMulticastReport(packet: Uint8Array): boolean {
  return packet[0]! >> 4 === 6 && packet[6] === 0 && packet[ipv6.size + 8] === ICMPV6.ICMPV6_MLD2_REPORT;
}

const SETTINGS = [
  ["ipv4/ip_forward", 1],
  ["ipv6/conf/all/forwarding", 1],
  ["ipv4/conf/all/rp_filter", 0],
  ["ipv4/conf/default/rp_filter", 0],
  ["ipv4/conf/all/send_redirects", 0],
  ["ipv4/conf/default/send_redirects", 0],
  ["ipv4/icmp_ratemask", 0],
  // Errors of no type are held back: there is none of this number.
  ["ipv6/icmp/ratemask", 255],
  ["ipv6/auto_flowlabels", 0],
  ["ipv6/conf/default/accept_dad", 0],
  ["ipv6/conf/default/router_solicitations", 0],
  ["ipv6/conf/default/accept_ra", 0],
  ["ipv6/conf/default/addr_gen_mode", 1],
  // Reports of groups are repeated after an hour, not after a second.
  ["ipv6/conf/default/mldv2_unsolicited_report_interval", 3_600_000],
] as const;

const DEVICE_COMMANDS = [
  ...DEVICES.flatMap((name) => [
    `link set ${name} address ${text(ROUTER_MACS[name])}`,
    `addr add ${ROUTER[name].v4}/24 dev ${name}`,
    `addr add ${ROUTER[name].v6}/64 dev ${name} nodad`,
    `link set ${name} up`,
  ]),
  ...[CLIENT.v4, CLIENT.v6, "10.0.1.7", "fd01::7"].map(
    (address) => `neigh add ${address} lladdr ${text(CLIENT_MAC)} dev ta nud permanent`,
  ),
  ...[SERVER.v4, SERVER.v6].map(
    (address) => `neigh add ${address} lladdr ${text(SERVER_MAC)} dev tb nud permanent`,
  ),
  `route add default via ${SERVER.v4} dev tb`,
  `route add ::/0 via ${SERVER.v6} dev tb`,
];

function run(command: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}\n${input}`);
  return stdout;
}

/** The frame around an IP packet that the client (or the server) sends to the router. */
export function frameOf(packet: Uint8Array, device: DeviceName): Uint8Array {
  const frame = new Uint8Array(ethernet.size + packet.length);
  ethernet.write(frame, 0, {
    destination: ROUTER_MACS[device],
    source: device === "ta" ? CLIENT_MAC : SERVER_MAC,
    ethertype: packet[0]! >> 4 === 6 ? ETH_P.ETH_P_IPV6 : ETH_P.ETH_P_IP,
  });
  frame.set(packet, ethernet.size);
  return frame;
}
