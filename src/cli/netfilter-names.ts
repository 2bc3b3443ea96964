/** Families and hook points as people write them. */

import { NF_INET, NFPROTO } from "../uapi/netfilter.ts";

export const familyName = (family: number): string =>
  family === NFPROTO.NFPROTO_IPV4 ? "IPv4" : family === NFPROTO.NFPROTO_IPV6 ? "IPv6" : `family ${family}`;

/** `LOCAL_OUT` */
export function hookName(hooknum: number): string {
  const name = Object.entries(NF_INET).find(
    ([name, value]) => value === hooknum && !name.includes("NUMHOOKS"),
  );
  return name?.[0].replace("NF_INET_", "") ?? `hook ${hooknum}`;
}
