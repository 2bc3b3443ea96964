/** Ethernet II (IEEE 802.3) and VLAN tags (IEEE 802.1Q, 802.1ad). */
import { ETH_P } from "../uapi/if-ether.ts";
import { bytes, struct, u16be } from "./struct.ts";

/** struct ethhdr, linux/if_ether.h */
export const ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), ethertype: u16be });

/** struct vlan_hdr, linux/if_vlan.h: what stands behind the ethertype of a tag. */
export const vlan = struct("vlan", { tci: u16be, ethertype: u16be });

/** The VLAN id of a tag control word; the upper bits are priority (3) and drop eligibility (1). */
export const VLAN_VID_MASK = 0x0fff;

/** Whether `ethertype` announces a VLAN tag. */
export const isVlanEthertype = (ethertype: number): boolean =>
  ethertype === ETH_P.ETH_P_8021Q || ethertype === ETH_P.ETH_P_8021AD || ethertype === ETH_P.ETH_P_QINQ1;

/** `02:00:5e:10:00:01` */
export const formatMac = (address: Uint8Array): string =>
  Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":");

/** The six bytes of `02:00:5e:10:00:01`, or `undefined` when the text is no such address. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}
