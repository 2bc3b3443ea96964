/** What sysctls of net.netfilter set, with the kernel's defaults. Times are seconds. */

import { TCP_CONNTRACK } from "../../uapi/nf-conntrack-tcp.ts";

export interface ConntrackSettings {
  /** nf_conntrack_max */
  max: number;
  /** nf_conntrack_acct */
  accounting: boolean;
  /** nf_conntrack_checksum */
  checksum: boolean;
  tcpLoose: boolean;
  tcpBeLiberal: boolean;
  tcpIgnoreInvalidRst: boolean;
  tcpMaxRetransmissions: number;
  /** By TCP_CONNTRACK_*. */
  readonly tcpTimeouts: Int32Array;
  tcpTimeoutMaxRetransmissions: number;
  tcpTimeoutUnacknowledged: number;
  udpTimeout: number;
  udpTimeoutStream: number;
  icmpTimeout: number;
  icmpv6Timeout: number;
  genericTimeout: number;
  greTimeout: number;
  greTimeoutStream: number;
}

export function defaultSettings(): ConntrackSettings {
  const tcpTimeouts = new Int32Array(10);
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_SYN_SENT] = 120;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_SYN_RECV] = 60;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_ESTABLISHED] = 5 * 86_400;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_FIN_WAIT] = 120;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_CLOSE_WAIT] = 60;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_LAST_ACK] = 30;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_TIME_WAIT] = 120;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_CLOSE] = 10;
  tcpTimeouts[TCP_CONNTRACK.TCP_CONNTRACK_SYN_SENT2] = 120;
  return {
    max: 262_144,
    // Linux counts only when told to; a simulated run has nothing to lose by it.
    accounting: true,
    checksum: true,
    tcpLoose: true,
    tcpBeLiberal: false,
    tcpIgnoreInvalidRst: false,
    tcpMaxRetransmissions: 3,
    tcpTimeouts,
    tcpTimeoutMaxRetransmissions: 300,
    tcpTimeoutUnacknowledged: 300,
    udpTimeout: 30,
    udpTimeoutStream: 120,
    icmpTimeout: 30,
    icmpv6Timeout: 30,
    genericTimeout: 600,
    greTimeout: 30,
    greTimeoutStream: 180,
  };
}
