/** linux/if_addr.h. */
import { layout } from "./layout.ts";

/** Address attributes, and the address flags IFA_F_*. */
export const IFA = {
  IFA_UNSPEC: 0,
  IFA_ADDRESS: 1,
  IFA_F_SECONDARY: 1,
  IFA_F_TEMPORARY: 1,
  IFA_F_NODAD: 2,
  IFA_LOCAL: 2,
  IFA_LABEL: 3,
  IFA_BROADCAST: 4,
  IFA_F_OPTIMISTIC: 4,
  IFA_ANYCAST: 5,
  IFA_CACHEINFO: 6,
  IFA_MULTICAST: 7,
  IFA_FLAGS: 8,
  IFA_F_DADFAILED: 8,
  IFA_RT_PRIORITY: 9,
  IFA_TARGET_NETNSID: 10,
  IFA_MAX: 11,
  IFA_PROTO: 11,
  IFA_F_HOMEADDRESS: 16,
  IFA_F_DEPRECATED: 32,
  IFA_F_TENTATIVE: 64,
  IFA_F_PERMANENT: 128,
  IFA_F_MANAGETEMPADDR: 256,
  IFA_F_NOPREFIXROUTE: 512,
  IFA_F_MCAUTOJOIN: 1024,
  IFA_F_STABLE_PRIVACY: 2048,
} as const;

export const ifAddrLayouts = {
  ifaddrmsg: layout(8, [
    ["ifa_family", 0, 1],
    ["ifa_prefixlen", 1, 1],
    ["ifa_flags", 2, 1],
    ["ifa_scope", 3, 1],
    ["ifa_index", 4, 4],
  ]),
};
