/** linux/if_tun.h */

/** _IOW('T', 202, int) */
export const TUNSETIFF = 0x400454ca;

/** Flags of an interface request. */
export const IFF_TUN = {
  IFF_TAP: 0x0002,
  /** No protocol information in front of frames. */
  IFF_NO_PI: 0x1000,
} as const;
