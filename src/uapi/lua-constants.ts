/**
 * The constants as Lua scripts see them: `require("linux.nf").ip.pri.FILTER`. Names lose their C prefix, and the
 * tables are nested as Lunatik's generated modules nest them. Numbers stay where the C header's file
 * declares them; this file only says which of them appear where.
 */
import { SO } from "./asm-socket.ts";
import { BPF, XDP } from "./bpf.ts";
import { FR_ACT, FRA, fibRulesLayouts } from "./fib-rules.ts";
import { CTRL_ATTR, CTRL_CMD, GENL_ID, genetlinkLayouts } from "./genetlink.ts";
import { IFF } from "./if.ts";
import { IFA, ifAddrLayouts } from "./if-addr.ts";
import { ETH_P } from "./if-ether.ts";
import { IFLA } from "./if-link.ts";
import { IPPROTO } from "./in.ts";
import type { Layout } from "./layout.ts";
import { NETDEV } from "./netdevice.ts";
import { NF_INET, NF_NETDEV, NF_VERDICT, NFPROTO } from "./netfilter.ts";
import { NF_ARP } from "./netfilter-arp.ts";
import { NF_BR, NF_BR_PRI } from "./netfilter-bridge.ts";
import { NF_IP_PRI } from "./netfilter-ipv4.ts";
import { NETLINK, NLM_F, NLMSG, netlinkLayouts } from "./netlink.ts";
import { IP_CT, IPCT, IPS } from "./nf-conntrack-common.ts";
import { TCP_CONNTRACK } from "./nf-conntrack-tcp.ts";
import { IP_CT_DIR } from "./nf-conntrack-tuple-common.ts";
import { NF_NAT_RANGE } from "./nf-nat.ts";
import { NL80211_ATTR, NL80211_CMD, NL80211_IFTYPE, NL80211_STA_FLAG } from "./nl80211.ts";
import { KBD, NOTIFY } from "./notifier.ts";
import { RT_SCOPE, RT_TABLE, RTA, RTM, RTN, RTPROT, rtnetlinkLayouts } from "./rtnetlink.ts";
import { TASK } from "./sched.ts";
import { SIG } from "./signal.ts";
import { AF, MSG, SOCK, SOL } from "./socket.ts";
import { S } from "./stat.ts";
import { timeLayouts } from "./time.ts";
import { NR } from "./unistd.ts";
import { VT } from "./vt.ts";

/** A table of the Lua view: numbers, tables, and under `layout` the layouts of C structures. */
export interface LuaConstants {
  readonly [name: string]: number | LuaConstants | Layout;
}

/** Tells a layout from a table of constants. */
export const isLayout = (value: LuaConstants | Layout): value is Layout =>
  typeof value["size"] === "number" && Array.isArray(value["fields"]);

/** Without `prefix`, and without the names in `except`, which scripts are not offered. */
function strip(
  prefix: string,
  table: Readonly<Record<string, number>>,
  except: readonly string[] = [],
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(table)
      .filter(([name]) => name.startsWith(prefix) && !except.includes(name))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/** Module name to what `require` of it returns. */
export const luaConstants: Readonly<Record<string, LuaConstants>> = {
  "linux.nf": {
    proto: strip("NFPROTO_", NFPROTO),
    inet: strip("NF_INET_", NF_INET),
    netdev: strip("NF_NETDEV_", NF_NETDEV),
    arp: strip("NF_ARP_", NF_ARP),
    br: { ...strip("NF_BR_", NF_BR), pri: strip("NF_BR_PRI_", NF_BR_PRI) },
    ip: { pri: strip("NF_IP_PRI_", NF_IP_PRI) },
    action: strip("NF_", NF_VERDICT),
    ct: {
      info: strip("IP_CT_", IP_CT),
      dir: strip("IP_CT_DIR_", IP_CT_DIR),
      status: strip("IPS_", IPS),
      tcp: strip("TCP_CONNTRACK_", TCP_CONNTRACK),
      event: strip("IPCT_", IPCT),
    },
    nat: {
      // The others follow from the arguments of nat.bind, or are not for single connections.
      range: strip("NF_NAT_RANGE_", NF_NAT_RANGE, [
        "NF_NAT_RANGE_MAP_IPS",
        "NF_NAT_RANGE_PROTO_SPECIFIED",
        "NF_NAT_RANGE_PROTO_OFFSET",
        "NF_NAT_RANGE_NETMAP",
      ]),
    },
  },
  "linux.notify": strip("NOTIFY_", NOTIFY),
  "linux.kbd": strip("KBD_", KBD),
  "linux.vt": strip("VT_", VT),
  "linux.xdp": strip("XDP_", XDP),
  "linux.bpf": strip("BPF_", BPF),
  "linux.task": strip("TASK_", TASK),
  "linux.stat": strip("S_", S),
  "linux.signal": strip("SIG", SIG),
  "linux.netdev": strip("NETDEV_", NETDEV),
  "linux.eth": strip("ETH_P_", ETH_P),
  "linux.socket": {
    sock: strip("SOCK_", SOCK),
    af: strip("AF_", AF),
    msg: strip("MSG_", MSG),
    ipproto: strip("IPPROTO_", IPPROTO),
    sol: strip("SOL_", SOL),
    so: strip("SO_", SO),
    layout: timeLayouts,
  },
  "linux.netlink": {
    ALIGNTO: NLMSG.NLMSG_ALIGNTO,
    proto: strip("NETLINK_", NETLINK, ["NETLINK_SOCK_DIAG", "NETLINK_NETFILTER"]),
    flag: strip("NLM_F_", NLM_F),
    type: strip("NLMSG_", NLMSG, ["NLMSG_ALIGNTO", "NLMSG_MIN_TYPE"]),
    layout: netlinkLayouts,
  },
  "linux.genl": {
    id: strip("GENL_ID_", GENL_ID),
    cmd: strip("CTRL_CMD_", CTRL_CMD),
    attr: strip("CTRL_ATTR_", CTRL_ATTR),
    layout: genetlinkLayouts,
  },
  "linux.rtnetlink": {
    rtm: strip("RTM_", RTM),
    rta: strip("RTA_", RTA),
    rtn: strip("RTN_", RTN),
    rtprot: strip("RTPROT_", RTPROT),
    scope: strip("RT_SCOPE_", RT_SCOPE),
    table: strip("RT_TABLE_", RT_TABLE),
    iff: strip("IFF_", IFF),
    ifla: strip("IFLA_", IFLA),
    ifa: strip("IFA_", IFA),
    fra: strip("FRA_", FRA),
    fr_act: strip("FR_ACT_", FR_ACT),
    layout: { ...rtnetlinkLayouts, ...ifAddrLayouts, ...fibRulesLayouts },
  },
  "linux.nl80211": {
    cmd: strip("NL80211_CMD_", NL80211_CMD),
    attr: strip("NL80211_ATTR_", NL80211_ATTR),
    iftype: strip("NL80211_IFTYPE_", NL80211_IFTYPE),
    staflag: strip("NL80211_STA_FLAG_", NL80211_STA_FLAG),
  },
  "linux.syscall.numbers": strip("__NR_", NR),
};
