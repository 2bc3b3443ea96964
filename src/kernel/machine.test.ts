import { expect, test } from "vitest";
import { ICMP } from "../uapi/icmp.ts";
import { ipv4 } from "../wire/ipv4.ts";
import { MachineError, readMachine } from "./machine.ts";
import { SimulatedKernel } from "./simulated.ts";
import { ipPacket, skbOf } from "./testing.ts";

const THREE = `{ "devices": [
  { "name": "lan", "addresses": ["10.0.1.1/24"] },
  { "name": "dmz", "addresses": ["10.0.2.1/24", "fd02::1/64"], "mac": "02:00:00:00:00:01" },
  { "name": "wan", "addresses": ["203.0.113.1/24"], "routes": ["192.0.2.0/24", "2001:db8::/32"] } ] }`;

function kernelOf(text: string): { kernel: SimulatedKernel; sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  const kernel = new SimulatedKernel({
    log: () => {},
    transmit: (skb) => sent.push(skb.packet().slice()),
    devices: readMachine(text),
  });
  return { kernel, sent };
}

test("packets come in where they are from, and leave where they are for", () => {
  const { kernel } = kernelOf(THREE.replace(', "mac": "02:00:00:00:00:01"', ""));
  const way = (from: string, to: string) => {
    const skb = skbOf(ipPacket({ from, to }));
    const { path } = kernel.process(skb);
    const name = (ifindex: number) => kernel.devices.find((device) => device.ifindex === ifindex)?.name;
    return `${name(skb.inIfindex)} ${path} ${name(skb.outIfindex)}`;
  };
  expect(way("10.0.1.2", "192.0.2.7")).toBe("lan forward wan");
  expect(way("192.0.2.7", "10.0.2.9")).toBe("wan forward dmz");
  expect(way("10.0.2.9", "10.0.2.10")).toBe("dmz forward dmz");
  expect(way("fd02::2", "2001:db8::1")).toBe("dmz forward wan");
  expect(way("10.0.1.2", "203.0.113.1")).toBe("lan input undefined");
});

test("a frame comes in at the device that it is for", () => {
  const { kernel } = kernelOf(THREE);
  const skb = skbOf(ipPacket({ from: "10.0.1.2", to: "192.0.2.7" }));
  kernel.process(skb);
  expect(kernel.devices[skb.inIfindex - 1]?.name).toBe("dmz");
  expect([...kernel.hardwareAddress(skb.inIfindex)!]).toEqual([2, 0, 0, 0, 0, 1]);
});

test("where no route leads the sender is told", () => {
  const { kernel, sent } = kernelOf(THREE.replace(', "mac": "02:00:00:00:00:01"', ""));
  expect(kernel.process(skbOf(ipPacket({ from: "10.0.1.2", to: "198.51.100.1" })))).toEqual({
    path: "forward",
    verdict: "drop",
  });
  expect(kernel.process(skbOf(ipPacket({ from: "fd02::2", to: "fd09::1" }))).verdict).toBe("drop");
  expect([...sent[0]!.subarray(ipv4.size, ipv4.size + 2)]).toEqual([ICMP.ICMP_DEST_UNREACH, 0]);
  expect([...sent[0]!.subarray(12, 20)]).toEqual([10, 0, 1, 1, 10, 0, 1, 2]);
  expect([...sent[1]!.subarray(40, 42)]).toEqual([1, 0]);
});

test.each([
  ["{", "no JSON"],
  ["[]", "the file: an object is needed"],
  ["{}", "'devices' is missing or empty"],
  ['{ "devices": 3 }', "devices: a list is needed"],
  ['{ "device": [] }', "device: there is no such field; there are devices"],
  ['{ "devices": [{ "addresses": [] }] }', "devices[0]: 'name' is missing"],
  ['{ "devices": [{ "name": "a b" }] }', "devices[0].name: a name of 1 to 15 characters is needed"],
  ['{ "devices": [{ "name": "a" }, { "name": "a" }] }', "two devices are called 'a'"],
  [
    '{ "devices": [{ "name": "a", "mac": "1:2" }] }',
    "devices[0].mac: a hardware address such as 02:00:00:00:00:01 is needed",
  ],
  [
    '{ "devices": [{ "name": "a", "addresses": ["10.0.0.1", "10.0.0.1/33"] }] }',
    "devices[0].addresses[1]: an address such as 10.0.1.1/24 is needed",
  ],
])("%s is refused", (text, message) => {
  expect(() => readMachine(text)).toThrow(MachineError);
  expect(() => readMachine(text)).toThrow(message);
});
