/** Makes the capture of the `sim` benchmark: DNS queries over UDP, one in ten for a blocked name. */

import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export const BLOCKED_NAMES = ["ads.example.com", "tracker.example.net"];
const OTHER_NAMES = [
  "www.example.org",
  "mail.example.org",
  "cdn.static.example.edu",
  "api.service.example",
  "example.com",
];

function query(name: string, id: number): Buffer {
  const labels = Buffer.concat(
    name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
  );
  const dns = Buffer.concat([
    Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
  const packet = Buffer.alloc(14 + 20 + 8 + dns.length);
  packet.writeUInt16BE(0x0800, 12);
  packet[6] = 2; // a locally administered source address
  packet[0] = 2;
  packet[5] = 1;
  const ip = packet.subarray(14);
  ip[0] = 0x45;
  ip.writeUInt16BE(28 + dns.length, 2);
  ip.writeUInt16BE(id & 0xffff, 4);
  ip[8] = 64;
  ip[9] = 17;
  ip.set([10, 0, 0, 2], 12);
  ip.set([10, 0, 0, 53], 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += ip.readUInt16BE(at);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip.writeUInt16BE(~sum & 0xffff, 10);
  const udp = ip.subarray(20);
  udp.writeUInt16BE(1024 + (id % 60000), 0);
  udp.writeUInt16BE(53, 2);
  udp.writeUInt16BE(8 + dns.length, 4); // checksum 0: none
  dns.copy(udp, 8);
  return packet;
}

/** Writes `packets` queries to `path` unless they are there already; returns how many are for a blocked name. */
export function makeDnsCapture(path: string, packets: number): number {
  const blocked = Math.ceil(packets / 10);
  try {
    if (statSync(path).size > packets * 60) return blocked;
  } catch {
    // Not made yet.
  }
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(`${path}.tmp`, "w");
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  writeSync(file, header);
  let batch: Buffer[] = [];
  for (let n = 0; n < packets; n++) {
    const name =
      n % 10 === 0
        ? `${n % 20 === 0 ? "" : "x."}${BLOCKED_NAMES[(n / 10) % 2]}`
        : OTHER_NAMES[n % OTHER_NAMES.length]!;
    const packet = query(name, n & 0xffff);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + Math.floor(n / 100_000), 0);
    record.writeUInt32LE((n % 100_000) * 10, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    batch.push(record, packet);
    if (batch.length >= 4096 || n === packets - 1) {
      writeSync(file, Buffer.concat(batch));
      batch = [];
    }
  }
  closeSync(file);
  renameSync(`${path}.tmp`, path);
  return blocked;
}
