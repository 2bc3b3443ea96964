/**
 * Connections as modules see them, whoever tracks them: the simulated kernel (conntrack/) or the one this machine runs
 * on (src/backends/live-connection.ts). Numbers are host-order, times are milliseconds.
 */

import type { Skb } from "./skb.ts";

/** One end-to-end direction of a connection. Ports, or type, code and id for ICMP. */
export interface ConnectionTuple {
  /** NFPROTO_IPV4 or NFPROTO_IPV6; AF_INET and AF_INET6 are the same numbers. */
  readonly family: number;
  /** IPPROTO_* */
  readonly protocol: number;
  /** A number for IPv4, 16 bytes for IPv6. */
  readonly source: number | Uint8Array;
  readonly destination: number | Uint8Array;
  readonly sport?: number;
  readonly dport?: number;
  readonly icmp?: { readonly type: number; readonly code: number; readonly id: number };
}

/** What `Connection.expect` announces; what is absent is any. */
export interface ExpectationSpec {
  readonly family: number;
  readonly protocol: number;
  readonly source?: number | Uint8Array;
  readonly sport?: number;
  readonly destination?: number | Uint8Array;
  readonly dport?: number;
  readonly timeoutMs: number;
}

export interface ConnectionSpec {
  readonly original: ConnectionTuple;
  /** Default: the original one inverted. */
  readonly reply?: ConnectionTuple;
  readonly timeoutMs: number;
  /** IPS_* */
  readonly status?: number;
  readonly mark?: number;
}

/** A tracked connection. One that has ended keeps the values it ended with, for whoever called `hold` in time. */
export interface Connection {
  /** `direction` is IP_CT_DIR_*. */
  tuple(direction: number): ConnectionTuple;
  /** IPS_* */
  readonly status: number;
  /** u32, the same for the whole life of the connection. */
  readonly id: number;
  readonly zone: number;
  /** What is left; 0 when it has passed. */
  readonly timeoutMs: number;
  /** The time left becomes `milliseconds`. */
  refresh(milliseconds: number): void;
  /** u32 */
  mark: number;
  /** 16 bytes. */
  labels(): Uint8Array;
  packets(direction: number): number;
  bytes(direction: number): number;
  /** TCP_CONNTRACK_*, undefined for other protocols. */
  readonly tcpState: number | undefined;
  readonly master: Connection | undefined;
  readonly helper: string | undefined;
  /** Ends the connection; harmless when it has ended. */
  remove(): void;
  /** Throws `ConntrackError`. */
  expect(spec: ExpectationSpec): void;
  /** The object stays this connection for good: without it another may take its place once this one has ended. */
  hold(): this;
}

/** `events` is a mask of 1 << IPCT_*. */
export type ConnectionWatcher = (events: number, connection: Connection) => void;

/** Connection tracking of one network namespace. What the kernel refuses is thrown as `ConntrackError`. */
export interface Conntrack {
  /** Called once by everything that needs connections: until then nothing tracks packets. */
  start(): void;
  /** The connection that a packet belongs to. */
  connectionOf(skb: Skb): Connection | undefined;
  /** IP_CT_*: how the packet relates to it; undefined when tracking has not seen the packet or found it invalid. */
  infoOf(skb: Skb): number | undefined;
  count(): number;
  max(): number;
  /** The connection that has this tuple in either direction. */
  lookup(tuple: ConnectionTuple): Connection | undefined;
  /** Visits all connections until `visit` returns false. */
  each(visit: (connection: Connection) => boolean): void;
  create(spec: ConnectionSpec): Connection;
  /** One watcher at a time: EBUSY. Returns what removes it. */
  watch(watcher: ConnectionWatcher): () => void;
}

/** What the kernel refuses: the bare errno name. */
export class ConntrackError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
