/** linux/if.h. */

/** Device flags. */
export const IFF = {
  IFF_UP: 1,
  IFF_BROADCAST: 2,
  IFF_LOOPBACK: 8,
  IFF_POINTOPOINT: 16,
  IFF_RUNNING: 64,
  IFF_MULTICAST: 4096,
} as const;
