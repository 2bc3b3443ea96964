/** The conditions that every rule may have without `-m`: addresses, devices, protocol, fragments (`ip_packet_match`). */

import { NFPROTO } from "../../uapi/netfilter.ts";
import { IP_OFFSET, ipv4 } from "../../wire/ipv4.ts";
import { V6_DESTINATION, V6_SOURCE } from "../addresses.ts";
import { flag, type Given, option, type Test, when } from "./declare.ts";
import { type Network, network, protocol } from "./values.ts";

export const GENERAL_OPTIONS = {
  protocol: option(protocol, { aliases: ["-p", "--proto"], not: true }),
  source: option(network, { aliases: ["-s", "--src"], not: true }),
  destination: option(network, { aliases: ["-d", "--dst"], not: true }),
  "in-interface": option((word) => word, { aliases: ["-i"], not: true }),
  "out-interface": option((word) => word, { aliases: ["-o"], not: true }),
  fragment: flag({ aliases: ["-f"], not: true }),
} as const;

/** The conditions that `given` asks for, cheapest first as the kernel has them. */
export function generalTests(given: Given<typeof GENERAL_OPTIONS>): Test[] {
  const { source, destination, fragment } = given;
  const asked: (Test | undefined)[] = [
    source && networkTest(source.value, source.not, ipv4.offsets.saddr, V6_SOURCE),
    destination && networkTest(destination.value, destination.not, ipv4.offsets.daddr, V6_DESTINATION),
    when(given["in-interface"], (packet, name) => deviceMatches(name, packet.inName)),
    when(given["out-interface"], (packet, name) => deviceMatches(name, packet.outName)),
    protocolTest(given.protocol),
    when(
      fragment,
      ({ bytes, netOffset, family }) =>
        family === NFPROTO.NFPROTO_IPV4 && (ipv4.get.fragment(bytes, netOffset) & IP_OFFSET) !== 0,
    ),
  ];
  return asked.filter((test) => test !== undefined);
}

function protocolTest(given: Given<typeof GENERAL_OPTIONS>["protocol"]): Test | undefined {
  // "All", also when it is negated: the kernel keeps a zero and asks nothing.
  if (given === undefined || given.value === 0) return undefined;
  return (packet) => (packet.protocol === given.value) !== given.not;
}

/** A name that ends in + stands for all names that begin so. */
export function deviceMatches(pattern: string, name: string): boolean {
  return pattern.endsWith("+") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Whether an address of the header, at `offset4` or `offset6` of it, is in `range`. */
export function networkTest(range: Network, not: boolean, offset4: number, offset6: number): Test {
  if (range.family === NFPROTO.NFPROTO_IPV4) {
    const { address, mask } = range;
    return ({ bytes, netOffset }) => ((readU32(bytes, netOffset + offset4) & mask) >>> 0 === address) !== not;
  }
  const { address, mask } = range;
  return ({ bytes, netOffset }) => maskedEqual(bytes, netOffset + offset6, address, mask) !== not;
}

export const readU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

function maskedEqual(bytes: Uint8Array, at: number, address: Uint8Array, mask: Uint8Array): boolean {
  for (let i = 0; i < address.length; i++) if ((bytes[at + i]! & mask[i]!) !== address[i]) return false;
  return true;
}
