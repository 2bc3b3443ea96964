/** What this machine offers for live packets, found out by trying. The rows of `moonhook doctor`. */

import { existsSync } from "node:fs";
import { NETLINK } from "../uapi/netlink.ts";
import {
  type CapabilityName,
  effectiveCapabilities,
  hasCapability,
  howToGetCapability,
} from "./capabilities.ts";
import { ConntrackSocket } from "./ctnetlink.ts";
import { whyNoSystemCalls } from "./ffi.ts";
import { kernelRelease } from "./machine.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { namespaceNames } from "./netns.ts";
import { QueueSocket } from "./nfqueue.ts";
import { probeQueueStatement } from "./nftables.ts";

export interface Feature {
  readonly feature: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** Backends or options that want it. */
  readonly neededBy: string;
  /** What to do when it is missing; empty when nothing needs doing. */
  readonly howToGet: string;
}

/** The outcome of a probe; what it throws is the reason of a "no". */
type Probe = () => { ok: boolean; detail: string };

/** A row of a table of features. */
export interface FeatureRow {
  readonly feature: string;
  readonly neededBy: string;
  readonly howToGet: string;
  readonly probe: Probe;
}

/** Tries everything; changes nothing that outlasts the call. Never throws. */
export const probeFeatures = (): Feature[] => probeRows(rows);

/** Tries each row; what a probe throws is its reason. */
export function probeRows(rows: readonly FeatureRow[]): Feature[] {
  return rows.map(({ feature, neededBy, howToGet, probe }) => {
    const { ok, detail } = attempt(probe);
    return { feature, ok, detail, neededBy, howToGet: ok ? "" : howToGet };
  });
}

function attempt(probe: Probe): { ok: boolean; detail: string } {
  try {
    return probe();
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

const capability = (name: CapabilityName, neededBy: string): FeatureRow => ({
  feature: name,
  neededBy,
  howToGet: howToGetCapability(name),
  probe: () => {
    const ok = hasCapability(name, effectiveCapabilities());
    return { ok, detail: ok ? "held" : "not held" };
  },
});

const file = (feature: string, path: string, neededBy: string, howToGet: string): FeatureRow => ({
  feature,
  neededBy,
  howToGet,
  probe: () => ({ ok: existsSync(path), detail: existsSync(path) ? path : `no ${path}` }),
});

const rows: readonly FeatureRow[] = [
  {
    feature: "Linux",
    neededBy: "nfqueue, ebpf",
    howToGet: "use captures (--pcap) here, or a Linux machine",
    probe: () => ({ ok: process.platform === "linux", detail: `${process.platform} ${kernelRelease()}` }),
  },
  {
    feature: "koffi",
    neededBy: "nfqueue, ebpf",
    howToGet: "npm install koffi",
    probe: () => {
      const problem = whyNoSystemCalls();
      return { ok: problem === undefined, detail: problem?.message ?? "system calls work" };
    },
  },
  capability("CAP_NET_ADMIN", "nfqueue, ebpf"),
  capability("CAP_NET_RAW", "nfqueue: skb:forward()"),
  capability("CAP_SYS_ADMIN", "--netns"),
  capability("CAP_BPF", "ebpf"),
  {
    feature: "nfqueue",
    neededBy: "nfqueue",
    howToGet: "a kernel with CONFIG_NETFILTER_NETLINK_QUEUE, and CAP_NET_ADMIN",
    probe: () => {
      const socket = new QueueSocket({ slots: 1 });
      try {
        return { ok: true, detail: `queue ${socket.bindFree(0xff00)} could be bound` };
      } finally {
        socket.close();
      }
    },
  },
  {
    feature: "nf_tables queue rules",
    neededBy: "nfqueue",
    howToGet: "a kernel with CONFIG_NFT_QUEUE, or CONFIG_NFT_COMPAT and CONFIG_NETFILTER_XT_TARGET_NFQUEUE",
    probe: () => {
      const statement = probeQueueStatement();
      const words = {
        queue: "expression 'queue'",
        NFQUEUE: "target NFQUEUE through the compatibility layer",
      };
      return {
        ok: statement !== undefined,
        detail: statement ? words[statement] : "neither expression nor target",
      };
    },
  },
  {
    feature: "conntrack over netlink",
    neededBy: "nfqueue: conntrack",
    howToGet: "a kernel with CONFIG_NF_CT_NETLINK, and CAP_NET_ADMIN",
    probe: () => {
      const socket = new ConntrackSocket();
      try {
        return { ok: true, detail: `${socket.dump().length} entries` };
      } finally {
        socket.close();
      }
    },
  },
  {
    feature: "conntrack with queued packets",
    neededBy: "nothing yet: conntrack is asked separately",
    howToGet: "a kernel with CONFIG_NETFILTER_NETLINK_GLUE_CT",
    probe: () => {
      const socket = new QueueSocket({ slots: 1 });
      try {
        const ok = socket.tryConntrack(socket.bindFree(0xff00));
        return { ok, detail: ok ? "delivered with the packet" : "not delivered with the packet" };
      } finally {
        socket.close();
      }
    },
  },
  {
    feature: "rtnetlink",
    neededBy: "nfqueue",
    howToGet: "any Linux with networking has it",
    probe: () => {
      new NetlinkSocket(NETLINK.NETLINK_ROUTE).close();
      return { ok: true, detail: "socket opened" };
    },
  },
  {
    feature: "network namespaces",
    neededBy: "--netns",
    howToGet: "a kernel with CONFIG_NET_NS",
    probe: () => {
      const names = namespaceNames();
      const detail = names.length === 0 ? "none has a name yet" : `${names.length} with names`;
      return { ok: existsSync("/proc/self/ns/net"), detail };
    },
  },
  file(
    "kernel type information (BTF)",
    "/sys/kernel/btf/vmlinux",
    "ebpf",
    "a kernel with CONFIG_DEBUG_INFO_BTF",
  ),
];
