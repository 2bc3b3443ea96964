/** linux/if_packet.h: for whom a frame is (`pkt_type`). */
export const PACKET = { PACKET_HOST: 0, PACKET_OTHERHOST: 3 } as const;
