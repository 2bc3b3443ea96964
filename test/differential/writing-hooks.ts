/** Random scripts with one hook that changes its packet, or one function on frames, and frames for them. */

import { ipv4Arrival, ipv6Arrival } from "../../src/kernel/ip-arrival.ts";
import { Skb } from "../../src/kernel/skb.ts";
import { ETH_P } from "../../src/uapi/if-ether.ts";
import type { Choices } from "./choices.ts";
import { generatePacket } from "./hook-packets.ts";

const ETHERNET_BYTES = 14;
/** The device of a test run is the loopback, whose address is zero. */
const LOOPBACK_IFINDEX = 1;

const SETTERS: readonly (readonly [name: string, getter: string, bytes: number])[] = [
  ["setuint8", "getuint8", 1],
  ["setbyte", "getbyte", 1],
  ["setint8", "getint8", 1],
  ["setuint16", "getuint16", 2],
  ["setint16", "getint16", 2],
  ["setuint32", "getuint32", 4],
  ["setint32", "getint32", 4],
  ["setint64", "getint64", 8],
  ["setnumber", "getnumber", 8],
];
const VALUES = ["0", "1", "-1", "0x7f", "0x80", "0xffff", "0x12345678", "math.mininteger", "1 << 40"];

export function generateWritingHook(c: Choices): string {
  return new WritingHook(c).script();
}

/** The same for `xdp.attach`: what frames have no methods for is left out. */
export function generateFrameFunction(c: Choices): string {
  return new WritingHook(c, true).frameScript();
}

class WritingHook {
  readonly #onFrames: boolean;
  readonly #c: Choices;
  readonly #lines: string[] = [];
  readonly #strings: string[] = [];
  #names = 0;
  #depth = 1;
  #fuel: number;
  #hasCopy = false;

  constructor(c: Choices, onFrames = false) {
    this.#onFrames = onFrames;
    this.#c = c;
    this.#fuel = 2 + c.below(9);
  }

  script(): string {
    const c = this.#c;
    this.#line("local d = skb:data()");
    while (this.#fuel > 0) this.#statement();
    if (c.chance(50)) this.#line("skb:checksum()");
    if (c.chance(40)) this.#show();
    const mark = c.weighted<string>([
      [4, ""],
      [2, ", 7"],
      [1, ", nil"],
      [2, `, ${this.#integer()}`],
      [1, ", true"],
    ]);
    this.#line(`return ${c.pick(["1", "0", "1", `${this.#byte()} & 1`])}${mark}`);
    return `local netfilter, nf = require("netfilter"), require("linux.nf")
local runs, table = 0, { a = "example", b = "x" }
local function put(d, at, text) d:setstring(at, text) return #text end
netfilter.register{ pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = 0, hook = function(skb)
${this.#lines.join("\n")}
end }
`;
  }

  frameScript(): string {
    const c = this.#c;
    while (this.#fuel > 0) this.#statement();
    if (c.chance(20)) this.#line("print(#argument, (pcall(argument.getuint8, argument, 0)))");
    if (c.chance(40)) this.#show();
    this.#line(
      `return ${c.weighted<string>([
        [8, c.pick(["0", "1", "2", "3"])],
        [4, `${this.#byte()} & 3`],
        [2, `${this.#byte()} % 6`],
        [1, c.pick(["nil", "true", "-1", "4", "1 << 32", "(1 << 32) + 1"])],
      ])}`,
    );
    return `local xdp = require("xdp")
local runs, table = 0, { a = "example", b = "x" }
local function put(d, at, text) d:setstring(at, text) return #text end
xdp.attach(function(d, argument)
${this.#lines.join("\n")}
end)
`;
  }

  #line(text: string): void {
    this.#lines.push("  ".repeat(this.#depth) + text);
  }

  #block(head: string, body: () => void, end = "end"): void {
    this.#line(head);
    this.#depth++;
    const strings = this.#strings.length;
    body();
    this.#strings.length = strings;
    this.#depth--;
    this.#line(end);
  }

  #statement(): void {
    this.#fuel--;
    const c = this.#c;
    const packets = this.#onFrames ? 0 : 1;
    c.weighted<() => void>([
      [8, () => this.#set()],
      [4, () => this.#setString()],
      [4, () => this.#keep()],
      [4, () => this.#show()],
      [3 * packets, () => this.#line(`d = skb:data(${c.pick(["", '"net"', '"mac"', '"mac"'])})`)],
      [2 * packets, () => this.#line("skb:checksum()")],
      [2 * packets, () => this.#resize()],
      [2, () => this.#if()],
      [2, () => this.#loop()],
      [1, () => this.#protected()],
      [1, () => this.#line("runs = runs + 1 print(runs)")],
      [this.#depth === 1 && !this.#hasCopy ? packets : 0, () => this.#copy()],
      [1, () => this.#line(`print(d:checksum(${this.#offset(8)}), #d${packets ? ", #skb" : ""})`)],
    ])();
  }

  /** Mostly one where `bytes` are there. */
  #offset(bytes: number): string {
    const c = this.#c;
    return c.weighted<() => string>([
      [6, () => `${c.below(20)}`],
      [2, () => `${c.below(44)}`],
      [2, () => `#d - ${bytes + c.below(3)}`],
      [2, () => `${this.#byte()} % ${c.pick([4, 15, 21])}`],
      [1, () => c.pick(["-1", "#d", "#d + 1", "5000", "math.maxinteger"])],
    ])();
  }

  #byte(): string {
    return `d:getuint8(${this.#c.below(20)})`;
  }

  #integer(): string {
    const c = this.#c;
    return c.weighted<() => string>([
      [3, () => c.pick(VALUES)],
      [3, () => this.#byte()],
      [2, () => `d:getuint16(${c.below(18)}) + ${c.pick(VALUES)}`],
      [1, () => "#d"],
    ])();
  }

  #string(): string {
    const c = this.#c;
    const kept = this.#strings.at(-1);
    return c.weighted<() => string>([
      [3, () => c.pick(['"hello"', '"\\0\\1\\2\\3"', '"x"', '"a longer text than eight"', '""'])],
      [kept === undefined ? 0 : 4, () => kept!],
      [kept === undefined ? 0 : 2, () => `${kept}:sub(${c.pick(["1, 4", "2", "-3"])})`],
      [2, () => `d:getstring(${this.#offset(6)}, ${1 + c.below(6)})`],
      [1, () => `"<" .. d:getuint8(${c.below(20)}) .. ">"`],
      [1, () => `string.pack(">I2I4", ${this.#byte()}, ${this.#byte()})`],
      [1, () => 'table[d:getuint8(0) > 80 and "a" or "b"]'],
    ])();
  }

  #set(): void {
    const [name, , bytes] = this.#c.pick(SETTERS);
    this.#line(`d:${name}(${this.#offset(bytes)}, ${this.#integer()})`);
  }

  #setString(): void {
    if (this.#c.chance(30)) this.#line(`print(put(d, ${this.#offset(8)}, ${this.#string()}))`);
    else this.#line(`d:setstring(${this.#offset(8)}, ${this.#string()})`);
  }

  /** A string that must stay what it is, whatever is written later. */
  #keep(): void {
    const name = `s${this.#names++}`;
    this.#line(`local ${name} = ${this.#string()}`);
    this.#strings.push(name);
  }

  #show(): void {
    const c = this.#c;
    const kept = this.#strings.at(-1);
    if (kept !== undefined && c.chance(60)) {
      this.#line(
        `print(#${kept}, ${kept}:byte(1), ${kept}:byte(-1), ${kept} == d:getstring(${c.below(12)}, 5))`,
      );
      return;
    }
    const [, getter, bytes] = c.pick(SETTERS);
    this.#line(`print(d:${getter}(${this.#offset(bytes)}), #d)`);
  }

  #resize(): void {
    this.#line(
      `skb:resize(${this.#c.pick(["#skb - 1", "#skb - 5", "#skb + 3", "#skb + 40", "60", "20", "-1"])})`,
    );
    if (this.#c.chance(60)) this.#line("d = skb:data()");
  }

  #if(): void {
    this.#block(`if ${this.#byte()} ${this.#c.pick(["> 9", "== 0", "< 69", "& 1 == 1"])} then`, () =>
      this.#some(),
    );
    if (this.#c.chance(30)) this.#block("do", () => this.#some());
  }

  #some(): void {
    for (let i = this.#c.below(2); i >= 0; i--) this.#statement();
  }

  #loop(): void {
    const c = this.#c;
    const name = `i${this.#names++}`;
    const [from, to] = c.pick([
      ["0", "3"],
      ["20", "#d - 1"],
      ["1", `${this.#byte()} % 9`],
    ]);
    this.#block(`for ${name} = ${from}, ${to} do`, () => {
      this.#line(`d:setuint8(${c.pick([name, `${name} % 20`])}, ${name} + ${this.#byte()})`);
      if (c.chance(30)) this.#some();
    });
  }

  #protected(): void {
    this.#block("print((pcall(function()", () => this.#some(), "end)))");
  }

  #copy(): void {
    const c = this.#c;
    this.#hasCopy = true;
    this.#line("local copy = skb:copy()");
    if (c.chance(60)) this.#line(`copy:resize(${c.pick(["40", "#copy + 9", "#copy - 2", "100"])})`);
    this.#line(`local e, m = copy:data(), copy:data("mac")`);
    this.#line(`e:setstring(${c.below(14)}, ${this.#string()})`);
    this.#line(`m:setuint16(${c.below(20)}, ${this.#byte()})`);
    if (c.chance(50)) this.#line("copy:checksum()");
    this.#line(
      `print(#copy, #e, #m, e:getuint32(${c.below(16)}), e:checksum(0, 20), m:getuint8(3), ${this.#byte()})`,
    );
  }
}

/** A frame of Ethernet for this machine, which may be too long for its packet, as short ones are on the wire. */
export function generateFrame(c: Choices): Uint8Array {
  const packet = generatePacket(c);
  const padding = c.chance(20) ? c.below(20) : 0;
  const frame = new Uint8Array(ETHERNET_BYTES + packet.length + padding).fill(0xee);
  frame.fill(0, 0, 6);
  const protocol = packet[0]! >> 4 === 6 ? ETH_P.ETH_P_IPV6 : ETH_P.ETH_P_IP;
  frame.set([protocol >> 8, protocol & 0xff], ETHERNET_BYTES - 2);
  frame.set(packet, ETHERNET_BYTES);
  return frame;
}

/** The packet of a frame as the stack hands it to hooks; undefined when it never does. */
export function arrivalOf(frame: Uint8Array): Skb | undefined {
  const protocol = (frame[12]! << 8) | frame[13]!;
  const skb = Skb.from(frame, { protocol, networkOffset: ETHERNET_BYTES, macLength: ETHERNET_BYTES });
  skb.ifindex = LOOPBACK_IFINDEX;
  const arrives = protocol === ETH_P.ETH_P_IP ? ipv4Arrival : ipv6Arrival;
  return arrives(skb, 0, false) ? skb : undefined;
}
