/**
 * Links: a program at a place where packets pass. It runs there until the link is closed, unless the link is pinned;
 * a process that dies closes its links. Links of netfilter belong to the network namespace of the thread that makes
 * them (`enterNamespace`), those of devices to the device's.
 */

import { BPF_ATTACH_TYPE, BPF_LINK_FLAG, BPF_LINK_TYPE, BPF_NETFILTER_FLAG } from "../uapi/bpf.ts";
import { XDP_FLAGS } from "../uapi/if-link.ts";
import { NF_INET, NFPROTO } from "../uapi/netfilter.ts";
import type { Fields, Struct, StructValue } from "../wire/struct.ts";
import {
  bpf_link_info,
  bpf_link_info_netfilter,
  bpf_link_info_tcx,
  bpf_link_info_xdp,
  link_create,
  link_create_netfilter,
  link_create_tcx,
  link_detach,
  link_update,
} from "./bpf-attributes.ts";
import { bpfCall, KernelObject, objectInfo } from "./bpf-call.ts";
import type { KernelProgram } from "./bpf-program.ts";
import { ErrnoError } from "./errors.ts";

/** What a link is, by its type; `other` for the types that Moonhook does not make. */
export type LinkInfo = { readonly id: number; readonly programId: number; readonly type: number } & (
  | {
      readonly kind: "netfilter";
      readonly family: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | { readonly kind: "xdp"; readonly ifindex: number }
  | { readonly kind: "tcx"; readonly ifindex: number; readonly attachType: number }
  | { readonly kind: "other" }
);

export class KernelLink extends KernelObject {
  info(): LinkInfo {
    return decodeLinkInfo(objectInfo(this.fd, this.label, bpf_link_info));
  }

  /**
   * Takes the program away; the link stays, of no use. `close` does the same when nobody else holds the link, this
   * even when somebody does.
   */
  detach(): void {
    bpfCall("BPF_LINK_DETACH", this.label, link_detach, () => ({ link_fd: this.fd }));
  }

  /** Detaches it, unless what it was attached to has gone, and closes it. */
  end(): void {
    try {
      this.detach();
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
    } finally {
      this.close();
    }
  }

  /**
   * Puts `program` in place of the one that runs, without a gap. Netfilter links cannot do it (EOPNOTSUPP): there a
   * program that calls another by tail call is swapped in its map. With `old` only if that one still runs (EPERM).
   */
  update(program: KernelProgram, old?: KernelProgram): void {
    bpfCall("BPF_LINK_UPDATE", this.label, link_update, () => ({
      link_fd: this.fd,
      new_prog_fd: program.fd,
      ...(old && { flags: BPF_LINK_FLAG.BPF_F_REPLACE, old_prog_fd: old.fd }),
    }));
  }
}

function decodeLinkInfo(raw: StructValue<typeof bpf_link_info.fields>): LinkInfo {
  const common = { id: raw.id, programId: raw.prog_id, type: raw.type };
  switch (raw.type) {
    case BPF_LINK_TYPE.BPF_LINK_TYPE_NETFILTER: {
      const { pf, hooknum, priority, flags } = bpf_link_info_netfilter.decode(raw.detail);
      return { ...common, kind: "netfilter", family: pf, hook: hooknum, priority, flags };
    }
    case BPF_LINK_TYPE.BPF_LINK_TYPE_XDP:
      return { ...common, kind: "xdp", ifindex: bpf_link_info_xdp.decode(raw.detail).ifindex };
    case BPF_LINK_TYPE.BPF_LINK_TYPE_TCX: {
      const { ifindex, attach_type } = bpf_link_info_tcx.decode(raw.detail);
      return { ...common, kind: "tcx", ifindex, attachType: attach_type };
    }
    default:
      return { ...common, kind: "other" };
  }
}

export interface NetfilterPlace {
  readonly program: KernelProgram;
  /** NFPROTO_IPV4 or NFPROTO_IPV6; a hook for both is two links. */
  readonly family: number;
  /** NF_INET_* */
  readonly hook: number;
  readonly priority: number;
  /** Fragments are put together before; the priority must then be above −400. */
  readonly defrag?: boolean;
  /** How many of the next priorities may be tried when this one is taken; none, when left out. */
  readonly moves?: number;
}

export class NetfilterLink extends KernelLink {
  /** The one it got. */
  readonly priority: number;

  constructor(fd: number, label: string, priority: number) {
    super(fd, label);
    this.priority = priority;
  }
}

const nameIn = (table: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(table).find((name) => table[name] === value && !name.includes("_NUM")) ?? `${value}`;

/** What the kernel means by its answer to a netfilter link. */
const NETFILTER_REFUSALS: Readonly<Record<string, string>> = {
  EBUSY:
    "another link, or a chain of nftables or iptables, has this priority, and priorities may not be shared",
  EAFNOSUPPORT: "the family must be NFPROTO_IPV4 or NFPROTO_IPV6",
  EPROTO: "there is no such hook",
  ERANGE:
    "the priority must lie between the lowest and the highest number of 32 bits, with defragmentation above -400",
  EOPNOTSUPP: "this kernel cannot put fragments together here",
  EINVAL:
    "the program must be a netfilter program, and the kernel Linux 6.4 or later with CONFIG_NETFILTER_BPF_LINK",
};

/** Runs a program of netfilter at a hook. Throws `ErrnoError`, which says what to change. */
export function attachNetfilter(place: NetfilterPlace): NetfilterLink {
  const { program, family, hook, defrag = false, moves = 0 } = place;
  const where = `${nameIn(NFPROTO, family)} ${nameIn(NF_INET, hook)}`;
  for (let priority = place.priority; ; priority++) {
    const label = `${program.label} at ${where}, priority ${priority}`;
    try {
      const fd = createLink(label, link_create_netfilter, {
        prog_fd: program.fd,
        attach_type: BPF_ATTACH_TYPE.BPF_NETFILTER,
        pf: family,
        hooknum: hook,
        priority,
        nf_flags: defrag ? BPF_NETFILTER_FLAG.BPF_F_NETFILTER_IP_DEFRAG : 0,
      });
      return new NetfilterLink(fd, label, priority);
    } catch (error) {
      const mayMove = error instanceof ErrnoError && error.code === "EBUSY";
      if (!mayMove || priority - place.priority >= moves) throw explained(error, NETFILTER_REFUSALS);
    }
  }
}

/** Where in the receive path: the device's driver, the stack (any device), or what the device can. */
export type XdpMode = "native" | "generic" | "any";
const XDP_MODES: Readonly<Record<XdpMode, number>> = {
  native: XDP_FLAGS.XDP_FLAGS_DRV_MODE,
  generic: XDP_FLAGS.XDP_FLAGS_SKB_MODE,
  any: 0,
};
const XDP_REFUSALS: Readonly<Record<string, string>> = {
  EBUSY: "another XDP program has the device",
  EEXIST: "an XDP program has the device in another mode",
  EOPNOTSUPP: "the device's driver cannot run XDP itself; the mode 'generic' works on any device",
  EINVAL:
    "there is no such device in this network namespace, the program is not of type BPF_PROG_TYPE_XDP, or the kernel is older than Linux 5.9",
};

/** Runs an XDP program at the device of this index. */
export function attachXdp(place: {
  readonly program: KernelProgram;
  readonly ifindex: number;
  readonly mode?: XdpMode;
}): KernelLink {
  const { program, ifindex, mode = "any" } = place;
  const label = `${program.label} at XDP (${mode}) of device ${ifindex}`;
  return attach(label, XDP_REFUSALS, link_create, {
    prog_fd: program.fd,
    target: ifindex,
    attach_type: BPF_ATTACH_TYPE.BPF_XDP,
    flags: XDP_MODES[mode],
  });
}

const TCX_REFUSALS: Readonly<Record<string, string>> = {
  EINVAL: "the program must be of type BPF_PROG_TYPE_SCHED_CLS, and the kernel Linux 6.6 or later",
  ENODEV: "there is no such device in this network namespace",
};

/** Runs a traffic control program on what comes in through a device, or goes out, behind those already there. */
export function attachTcx(place: {
  readonly program: KernelProgram;
  readonly ifindex: number;
  readonly direction: "ingress" | "egress";
}): KernelLink {
  const { program, ifindex, direction } = place;
  const label = `${program.label} at tcx ${direction} of device ${ifindex}`;
  return attach(label, TCX_REFUSALS, link_create_tcx, {
    prog_fd: program.fd,
    target: ifindex,
    attach_type: direction === "ingress" ? BPF_ATTACH_TYPE.BPF_TCX_INGRESS : BPF_ATTACH_TYPE.BPF_TCX_EGRESS,
  });
}

function attach<F extends Fields>(
  label: string,
  refusals: Readonly<Record<string, string>>,
  layout: Struct<F>,
  fields: Partial<StructValue<F>>,
): KernelLink {
  try {
    return new KernelLink(createLink(label, layout, fields), label);
  } catch (error) {
    throw explained(error, refusals);
  }
}

const createLink = <F extends Fields>(
  label: string,
  layout: Struct<F>,
  fields: Partial<StructValue<F>>,
): number => bpfCall("BPF_LINK_CREATE", label, layout, () => fields).result;

function explained(error: unknown, refusals: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof ErrnoError)) return error;
  return new ErrnoError(error.code, error.call, error.object, refusals[error.code]);
}
