/** tcpdump reads what we write, and we read what tcpdump writes: for every format and link type. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CapturedPacket,
  type CaptureFormat,
  createCaptureReader,
  createCaptureWriter,
} from "../../src/wire/capture.ts";
import { transportChecksum } from "../../src/wire/checksum.ts";
import { cookedV1, cookedV2 } from "../../src/wire/cooked.ts";
import { ethernet } from "../../src/wire/ethernet.ts";
import { LINKTYPE } from "../../src/wire/frame.ts";
import { ipv4, writeIpv4Checksum } from "../../src/wire/ipv4.ts";
import { udp } from "../../src/wire/udp.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "moonhook-pcap-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const join2 = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** 10.0.0.1:5000 > 10.0.0.2:7, with right checksums. */
function datagram(payload: Uint8Array): Uint8Array {
  const length = ipv4.size + udp.size + payload.length;
  const packet = join2(
    ipv4.encode({
      versionIhl: 0x45,
      totalLength: length,
      ttl: 64,
      protocol: 17,
      saddr: 0x0a000001,
      daddr: 0x0a000002,
    }),
    udp.encode({ sport: 5000, dport: 7, length: udp.size + payload.length }),
    payload,
  );
  writeIpv4Checksum(packet, 0);
  udp.set.checksum(
    packet,
    ipv4.size,
    transportChecksum(packet, 0, ipv4.size, length, 17, udp.offsets.checksum),
  );
  return packet;
}

const address = Uint8Array.of(2, 0, 0, 0, 0, 1, 0, 0);
const linkHeaders: [string, number, Uint8Array][] = [
  ["Ethernet", LINKTYPE.LINKTYPE_ETHERNET, ethernet.encode({ ethertype: 0x0800 })],
  ["raw IP", LINKTYPE.LINKTYPE_RAW, new Uint8Array()],
  ["IPv4", LINKTYPE.LINKTYPE_IPV4, new Uint8Array()],
  [
    "cooked v1",
    LINKTYPE.LINKTYPE_LINUX_SLL,
    cookedV1.encode({ arphrdType: 1, addressLength: 6, address, protocol: 0x0800 }),
  ],
  [
    "cooked v2",
    LINKTYPE.LINKTYPE_LINUX_SLL2,
    cookedV2.encode({ protocol: 0x0800, ifindex: 3, arphrdType: 1, addressLength: 6, address }),
  ],
  ["null", LINKTYPE.LINKTYPE_NULL, Uint8Array.of(2, 0, 0, 0)],
];
const formats: CaptureFormat[] = ["pcap", "pcapng"];
const cases = formats.flatMap((format) =>
  linkHeaders.flatMap(([name, linkType, header]) =>
    [true, false].flatMap((nanoseconds) =>
      [true, false].map((bigEndian) => ({ format, name, linkType, header, nanoseconds, bigEndian })),
    ),
  ),
);

const packetsOf = (linkType: number, header: Uint8Array): CapturedPacket[] =>
  [0, 1, 13].map((length, i) => {
    const bytes = join2(header, datagram(new Uint8Array(length).fill(0x61)));
    const nanoseconds = 123_456_000 + i * 1000;
    return {
      linkType,
      seconds: 1_700_000_000 + i,
      nanoseconds,
      bytes,
      originalLength: bytes.length,
      interfaceIndex: 0,
    };
  });

function read(file: Uint8Array): Omit<CapturedPacket, "interfaceIndex">[] {
  const reader = createCaptureReader();
  const packets: Omit<CapturedPacket, "interfaceIndex">[] = [];
  reader.push(file, ({ linkType, seconds, nanoseconds, bytes, originalLength }) => {
    packets.push({ linkType, seconds, nanoseconds, bytes: bytes.slice(), originalLength });
  });
  reader.end();
  return packets;
}

const toolMissing = spawnSync("tcpdump", ["--version"]).error !== undefined;

describe.skipIf(toolMissing)("tcpdump", () => {
  test.each(cases)("$format, $name, nanoseconds $nanoseconds, big-endian $bigEndian", (case_) => {
    const { format, linkType, header, nanoseconds, bigEndian } = case_;
    const packets = packetsOf(linkType, header);
    const writer = createCaptureWriter(format, { linkType, nanoseconds, bigEndian });
    const file = join(folder, `${format}-${linkType}-${nanoseconds}-${bigEndian}`);
    writeFileSync(file, join2(writer.header(), ...packets.map((packet) => writer.packet(packet))));

    const text = execFileSync("tcpdump", ["-nn", "-tt", "-vv", "-r", file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(Array.from(text.matchAll(/10\.0\.0\.1\.5000 > 10\.0\.0\.2\.7: \[udp sum ok\]/g))).toHaveLength(3);
    expect(Array.from(text.matchAll(/^\d+\.\d{6}/gm), ([time]) => time)).toEqual([
      "1700000000.123456",
      "1700000001.123457",
      "1700000002.123458",
    ]);

    const again = `${file}.tcpdump`;
    const precision = nanoseconds ? ["--time-stamp-precision=nano"] : [];
    execFileSync("tcpdump", [...precision, "-r", file, "-w", again], { stdio: "ignore" });
    expect(read(readFileSync(again))).toEqual(packets.map(({ interfaceIndex: _, ...packet }) => packet));
  });
});

const editcapMissing = spawnSync("editcap", ["--version"]).error !== undefined;

test.skipIf(editcapMissing)("we read the pcapng that Wireshark's editcap writes", () => {
  const packets = packetsOf(LINKTYPE.LINKTYPE_ETHERNET, linkHeaders[0]![2]);
  const writer = createCaptureWriter("pcap", { linkType: LINKTYPE.LINKTYPE_ETHERNET });
  const source = join(folder, "source.pcap");
  writeFileSync(source, join2(writer.header(), ...packets.map((packet) => writer.packet(packet))));
  const target = join(folder, "target.pcapng");
  execFileSync("editcap", ["-F", "pcapng", source, target], { stdio: "ignore" });
  expect(read(readFileSync(target))).toEqual(packets.map(({ interfaceIndex: _, ...packet }) => packet));
});
