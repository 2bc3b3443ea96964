/** Where the running kernel keeps what hooks may read of a connection, as its BTF says. */

import {
  CONNECTION_EXTENSIONS,
  CONNECTION_PLACES,
  CONNECTION_SIZES,
  type ConnectionFact,
  type ConnectionLayout,
} from "../compiler/connection-layout.ts";
import { type Btf, BtfError } from "../ebpf/btf.ts";
import { ticksPerSecond } from "../linux/clock.ts";

/** The enumeration of the extensions. */
const EXTENSION_IDS = "nf_ct_ext_id";

/** Undefined for what it does not have: kernels are built without connection tracking, or parts of it. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof BtfError) return undefined;
    throw error;
  }
}

export function connectionLayout(btf: Btf): ConnectionLayout {
  const facts = new Map<ConnectionFact, number | undefined>();
  const each = <F extends ConnectionFact, T>(
    rows: Readonly<Record<F, T>>,
    look: (row: T) => number,
  ): void => {
    for (const [fact, row] of Object.entries(rows) as [F, T][])
      facts.set(
        fact,
        ifThere(() => look(row)),
      );
  };
  each(CONNECTION_PLACES, ([structure, path]) => btf.member(structure, path).offset);
  each(CONNECTION_SIZES, (structure) => btf.structureSize(structure));
  each(CONNECTION_EXTENSIONS, (name) => btf.enumerator(EXTENSION_IDS, name));
  return {
    ...(Object.fromEntries(facts) as Record<ConnectionFact, number | undefined>),
    ticksPerSecond: ticksPerSecond(),
  };
}
