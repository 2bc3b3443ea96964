/**
 * linux/skbuff.h of the kernel: `ip_summed`. With CHECKSUM_PARTIAL the checksum field holds the sum of the pseudo
 * header, and the device adds the rest on the way out.
 */
export const CHECKSUM = { CHECKSUM_PARTIAL: 3 } as const;
