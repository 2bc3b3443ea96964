/** linux/if_link.h. */

/** Link attributes. */
export const IFLA = {
  IFLA_UNSPEC: 0,
  IFLA_ADDRESS: 1,
  IFLA_BROADCAST: 2,
  IFLA_IFNAME: 3,
  IFLA_MTU: 4,
  IFLA_LINK: 5,
  IFLA_QDISC: 6,
  IFLA_STATS: 7,
  IFLA_MASTER: 10,
  IFLA_TXQLEN: 13,
  IFLA_MAP: 14,
  IFLA_WEIGHT: 15,
  IFLA_OPERSTATE: 16,
  IFLA_LINKMODE: 17,
  IFLA_LINKINFO: 18,
  IFLA_STATS64: 23,
  IFLA_GROUP: 27,
  IFLA_CARRIER: 33,
  IFLA_CARRIER_CHANGES: 35,
  IFLA_PHYS_PORT_NAME: 38,
  IFLA_PROTO_DOWN: 39,
  IFLA_MIN_MTU: 50,
  IFLA_MAX_MTU: 51,
  IFLA_PERM_ADDRESS: 54,
  IFLA_PARENT_DEV_NAME: 56,
} as const;

/** XDP_FLAGS_*: where in the receive path an XDP program runs; neither flag leaves it to the device. */
export const XDP_FLAGS = { XDP_FLAGS_SKB_MODE: 2, XDP_FLAGS_DRV_MODE: 4 } as const;
