/** Random packets, from the IP header on: valid ones, and what is left of them after accidents. */

import { ipPacket } from "../../src/kernel/testing.ts";
import type { Choices } from "./choices.ts";

/** The least that the kernel takes for a test run. */
const LEAST_BYTES = 20;

const NAMES = [
  "example.com",
  "www.example.com",
  "a.b",
  "x",
  "LONG-name.Example.ORG",
  "tracker.example.net",
  "",
];
const TEXTS = [
  "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
  "key=value; other=12",
  "\0\0\0\0",
  "aaaaaaaaaaaaaaaaaaaaaaaa",
  "Hello World 123",
  "",
];

export function generatePacket(c: Choices): Uint8Array {
  let packet = ipPacket({
    ...c.pick([
      { from: "10.0.0.1", to: "10.0.0.2" },
      { from: "127.0.0.1", to: "127.0.0.1" },
      { from: "fd00::1", to: "fd00::2" },
    ]),
    protocol: c.pick(["udp", "tcp"] as const),
    sport: c.pick([1000, 53, 443, 65535]),
    dport: c.pick([53, 2000, 443, 80]),
    ttl: c.pick([64, 1, 255]),
    payload: c.weighted([
      [3, dnsQuery],
      [3, text],
      [2, noise],
      [1, long],
    ])(c),
  });
  if (c.chance(30)) for (let i = c.below(4); i >= 0; i--) packet[c.below(packet.length)] = c.below(256);
  if (c.chance(30)) packet = packet.slice(0, Math.max(LEAST_BYTES, c.below(packet.length + 1)));
  // The kernel wants a whole header of the version that the first byte claims.
  if (packet[0]! >> 4 === 6 && packet.length < 40) packet[0] = 0x45;
  return packet;
}

function dnsQuery(c: Choices): number[] {
  const header = [c.below(256), c.below(256), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  const name = c
    .pick(NAMES)
    .split(".")
    .flatMap((label) => [label.length, ...bytesOf(label)]);
  return [...header, ...name, 0, 0, c.pick([1, 28]), 0, 1];
}

const bytesOf = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));
const text = (c: Choices): number[] => bytesOf(c.pick(TEXTS));
const noise = (c: Choices): number[] =>
  Array.from({ length: c.below(40) }, () => c.pick([c.below(256), 0, 255, 97]));
const long = (c: Choices): number[] => {
  const unit = bytesOf(c.pick(TEXTS)).concat(noise(c));
  const length = c.pick([100, 700, 1400, 3000]);
  return Array.from({ length }, (_, i) => unit[i % Math.max(1, unit.length)] ?? 0);
};
