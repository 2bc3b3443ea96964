/** Connection tracking where there is none to ask: packets have no connection, and everything else is refused. */

import { type Conntrack, ConntrackError } from "../kernel/connection.ts";

const refuse = (): never => {
  throw new ConntrackError("EOPNOTSUPP");
};

export const noConnections: Conntrack = {
  start() {},
  connectionOf: () => undefined,
  infoOf: () => undefined,
  count: refuse,
  max: refuse,
  lookup: refuse,
  each: refuse,
  create: refuse,
  watch: refuse,
};
