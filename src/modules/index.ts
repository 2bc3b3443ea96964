/** All native modules, in the order of the reference. */

import { byteorder } from "./byteorder.ts";
import { conntrack } from "./conntrack.ts";
import { constantModules } from "./constants.ts";
import { data } from "./data.ts";
import type { ModuleDefinition } from "./define.ts";
import { linux } from "./linux.ts";
import { nat } from "./nat.ts";
import { netfilter } from "./netfilter.ts";
import { rcu } from "./rcu.ts";
import { set } from "./set.ts";
import { skb } from "./skb.ts";
import { xdp } from "./xdp.ts";
import { xtable } from "./xtable.ts";

export const nativeModules: readonly ModuleDefinition[] = [
  netfilter,
  skb,
  data,
  byteorder,
  linux,
  rcu,
  set,
  xtable,
  xdp,
  conntrack,
  nat,
  ...constantModules,
];
