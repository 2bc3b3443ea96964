/** Which half of a packet's addresses a translation changes, and the bits of a connection that say so. */

import { NF_INET } from "../../uapi/netfilter.ts";
import { IPS } from "../../uapi/nf-conntrack-common.ts";

/** enum nf_nat_manip_type */
export const MANIP = { SOURCE: 0, DESTINATION: 1 } as const;
export type Manip = (typeof MANIP)[keyof typeof MANIP];

/** Where a packet comes in its destination is translated, where it leaves its source (HOOK2MANIP). */
export const manipAt = (hooknum: number): Manip =>
  hooknum === NF_INET.NF_INET_POST_ROUTING || hooknum === NF_INET.NF_INET_LOCAL_IN
    ? MANIP.SOURCE
    : MANIP.DESTINATION;

/** IPS_SRC_NAT or IPS_DST_NAT: the connection's packets are changed there. */
export const natBit = (manip: Manip): number => (manip === MANIP.SOURCE ? IPS.IPS_SRC_NAT : IPS.IPS_DST_NAT);

/** IPS_SRC_NAT_DONE or IPS_DST_NAT_DONE: it is decided whether they are. */
export const doneBit = (manip: Manip): number =>
  manip === MANIP.SOURCE ? IPS.IPS_SRC_NAT_DONE : IPS.IPS_DST_NAT_DONE;
