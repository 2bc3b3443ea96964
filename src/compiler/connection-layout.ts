/**
 * Where the kernel keeps what hooks may read of a connection: each fact as its place in a structure, which differs from
 * build to build and may be missing. Whoever compiles looks the places up in BTF.
 */

/** By the names that the compiler uses: structure and member. */
export const CONNECTION_PLACES = {
  status: ["nf_conn", "status"],
  mark: ["nf_conn", "mark"],
  timeout: ["nf_conn", "timeout"],
  zone: ["nf_conn", "zone.id"],
  master: ["nf_conn", "master"],
  extensions: ["nf_conn", "ext"],
  tcpState: ["nf_conn", "proto.tcp.state"],
  hashes: ["nf_conn", "tuplehash"],
  tuple: ["nf_conntrack_tuple_hash", "tuple"],
  family: ["nf_conntrack_tuple", "src.l3num"],
  protocol: ["nf_conntrack_tuple", "dst.protonum"],
  source: ["nf_conntrack_tuple", "src.u3"],
  destination: ["nf_conntrack_tuple", "dst.u3"],
  sourcePort: ["nf_conntrack_tuple", "src.u.all"],
  destinationPort: ["nf_conntrack_tuple", "dst.u.all"],
  icmpId: ["nf_conntrack_tuple", "src.u.icmp.id"],
  icmpType: ["nf_conntrack_tuple", "dst.u.icmp.type"],
  icmpCode: ["nf_conntrack_tuple", "dst.u.icmp.code"],
  extensionOffsets: ["nf_ct_ext", "offset"],
  counters: ["nf_conn_acct", "counter"],
  packets: ["nf_conn_counter", "packets"],
  bytes: ["nf_conn_counter", "bytes"],
  labels: ["nf_conn_labels", "bits"],
  helper: ["nf_conn_help", "helper"],
  helperName: ["nf_conntrack_helper", "name"],
} as const satisfies Record<string, readonly [structure: string, path: string]>;

/** Of which there is one for each direction. */
export const CONNECTION_SIZES = {
  hashBytes: "nf_conntrack_tuple_hash",
  counterBytes: "nf_conn_counter",
} as const;

/** enum nf_ct_ext_id: which byte of `nf_ct_ext.offset` says where an extension is. */
export const CONNECTION_EXTENSIONS = {
  accounting: "NF_CT_EXT_ACCT",
  labeling: "NF_CT_EXT_LABELS",
  helping: "NF_CT_EXT_HELPER",
} as const;

export type ConnectionFact =
  | keyof typeof CONNECTION_PLACES
  | keyof typeof CONNECTION_SIZES
  | keyof typeof CONNECTION_EXTENSIONS;

/** Offsets, sizes and numbers; undefined is what this kernel does not have. */
export interface ConnectionLayout extends Readonly<Record<ConnectionFact, number | undefined>> {
  /** In which the kernel counts timeouts. */
  readonly ticksPerSecond: number;
}

/** Linux 6.18 of x86-64; what the interpreter's connections look like. */
export const EXAMPLE_CONNECTION: ConnectionLayout = {
  status: 128,
  mark: 168,
  timeout: 8,
  zone: 12,
  master: 160,
  extensions: 176,
  tcpState: 224,
  hashes: 16,
  hashBytes: 56,
  tuple: 16,
  family: 18,
  protocol: 38,
  source: 0,
  destination: 20,
  sourcePort: 16,
  destinationPort: 36,
  icmpId: 16,
  icmpType: 36,
  icmpCode: 37,
  extensionOffsets: 0,
  accounting: 3,
  counters: 0,
  counterBytes: 16,
  packets: 0,
  bytes: 8,
  labeling: 7,
  labels: 0,
  helping: 0,
  helper: 0,
  helperName: 16,
  ticksPerSecond: 250,
};
