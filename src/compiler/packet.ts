/**
 * The packet that a program runs for: where its bytes are, and how they are changed.
 *
 * A packet is read through one address that may be read anywhere without a fault, so that bounds are checked where Lua
 * has them and nowhere else. How it comes about differs by the form of the program:
 *
 * | form        | bytes in several pieces                              | writing                                     |
 * |-------------|------------------------------------------------------|---------------------------------------------|
 * | `netfilter`, `match` | their beginning is copied                            | cannot                                      |
 * | `xdp`       | there are none                                       | by calls                                    |
 * | `tcx`       | the kernel puts their beginning into one piece, and all of them before the first write | by calls; the address is asked for again when bytes may have moved |
 *
 * Where the bytes are is in cells, so that it may differ between paths.
 */

import { BPF_FUNC, BPF_STORE_FLAG } from "../uapi/bpf.ts";
import { ETH_P } from "../uapi/if-ether.ts";
import { PACKET } from "../uapi/if-packet.ts";
import { NFPROTO } from "../uapi/netfilter.ts";
import { assert } from "../util/assert.ts";
import { ipv4 } from "../wire/ipv4.ts";
import { ipv6 } from "../wire/ipv6.ts";
import { Cell, type Int, int, type Kinds, type Packet, type Slice, type View } from "./abstract.ts";
import { Control, Join } from "./control.ts";
import type { Operand, Value } from "./ir.ts";
import type { Shared } from "./shared.ts";
import { FORMS, type KernelLayout, type ProgramForm, SCRATCH, SK_BUFF_CONTEXT } from "./target.ts";

const DYNPTR_BYTES = 16;
/** The most that a packet is long: BIG TCP. */
const MOST_PACKET = 1n << 20n;
/** Link headers are far shorter. */
const MOST_LINK = 0xffffn;

/** Where a hook shall run. */
export interface Place {
  readonly form: ProgramForm;
  /** NFPROTO_*; a program at a device must tell packets apart itself. */
  readonly family: number;
  /** At a device: what comes in, not what goes out. */
  readonly isIngress: boolean;
}

/** `length` bytes, `limit` of which can be reached at `base`. */
export interface Window {
  readonly base: Value;
  readonly limit: Operand;
  readonly length: Operand;
}

const wordOf = (value: unknown): Operand => (value as Int).value;

export abstract class PacketFrame extends Control {
  readonly shared: Shared;
  readonly layout: KernelLayout;
  readonly place: Place;
  /** What the kernel gives the program. */
  readonly context: Value;
  #skb: Value | undefined;
  /** Where the packet was at first. */
  protected openedAt: Value | undefined;
  /** A slice whose length is what can be reached. */
  readonly #bytes = new Cell("packet bytes");
  readonly #length = new Cell("packet length");
  /** Bytes before the network header at which the view begins. */
  readonly #lead = new Cell("view lead");
  /** How many bytes the view has, where packets are resized. */
  readonly #extent = new Cell("view extent");
  /** All bytes are in one piece that nobody else has: 0 or 1. */
  readonly #isOwn = new Cell("packet is own");
  /** A copy went out in the packet's place, which was too large to be kept: 0 or 1. */
  readonly spoiled = new Cell("packet spoiled");
  /** How many copies the hook has made, and the length of the one. */
  readonly copies = new Cell("packet copies");
  readonly copyLength = new Cell("copy length", "field");
  #linkBytes: Operand = 0n;

  constructor(name: string, shared: Shared, kinds: Kinds, layout: KernelLayout, place: Place) {
    super(name, kinds);
    this.shared = shared;
    this.layout = layout;
    this.place = place;
    this.context = this.ir.value("pointer");
    this.ir.entry.parameters.push(this.context);
  }

  abstract get scratch(): Value;
  abstract fail(message: string): void;
  abstract punt(reason: string): void;
  abstract bound(word: Operand, most: bigint): Operand;
  abstract refuse(reason: string, advice: string): never;

  get form(): ProgramForm {
    return this.place.form;
  }

  /** `struct sk_buff`; of a frame that is none yet `struct xdp_buff`. */
  get skb(): Value {
    return this.#skb!;
  }

  /** Bytes in front of the network header. */
  get linkBytes(): Operand {
    return this.#linkBytes;
  }

  protected findPacket(): void {
    const { bpf_nf_ctx } = this.layout;
    this.#skb =
      this.form.argument === "bpf_nf_ctx"
        ? this.loadPointer(this.context, bpf_nf_ctx.skb)
        : this.kfunc("bpf_cast_to_kern_ctx", [this.context], "pointer");
  }

  /** Packets that are none of the hook's go to `pass`; those whose bytes the kernel does not give go to `failed`. */
  protected openWindow(pass: Join, failed: Join): void {
    const { form } = this.place;
    const opened =
      form === FORMS.tcx
        ? this.#openDevice(pass, failed)
        : form === FORMS.xdp
          ? this.#openFrame()
          : this.#openPacket();
    this.openedAt = opened.base;
    this.cells.set(this.#bytes, { kind: "slice", base: opened.base, offset: 0n, length: opened.limit });
    this.cells.set(this.#length, int(opened.length));
    if (!form.canWrite) return;
    this.cells.set(this.#lead, int(0n));
    this.cells.set(this.#isOwn, int(form === FORMS.xdp ? 1n : 0n));
    this.cells.set(this.spoiled, int(0n));
    this.cells.set(this.copies, int(0n));
    if (this.shared.needs.has("resize")) this.cells.set(this.#extent, int(opened.length));
  }

  /** A frame from its link header on. The kernel gives none in pieces to programs that did not ask for them. */
  #openFrame(): Window {
    const { data, data_end } = this.layout.xdp_buff;
    const start = this.load(8, this.skb, data);
    const length = this.#known(this.binary("sub", this.load(8, this.skb, data_end), start), MOST_PACKET);
    return { base: this.kfunc("bpf_rdonly_cast", [start, 0n], "pointer"), limit: length, length };
  }

  #openPacket(): Window {
    const { sk_buff } = this.layout;
    const { skb } = this;
    const length = this.load(4, skb, sk_buff.len, { low: 0n, high: MOST_PACKET });
    const paged = this.load(4, skb, sk_buff.data_len);
    const ready = new Join();
    this.fork(
      "jne",
      paged,
      0n,
      () => {
        this.here.isCold = true;
        const dynptr = this.stack("dynptr", DYNPTR_BYTES);
        const argument = this.form.argument === "bpf_nf_ctx" ? skb : this.context;
        this.kfunc("bpf_dynptr_from_skb", [argument, 0n, dynptr]);
        const most = BigInt(SCRATCH.windowBytes);
        const bytes = this.bound(this.least(length, most), most);
        this.helper(BPF_FUNC.BPF_FUNC_dynptr_read, [this.scratch, bytes, dynptr, 0n, 0n]);
        const base = this.kfunc("bpf_rdonly_cast", [this.scratch, 0n], "pointer");
        this.goto(ready, [{ kind: "slice", base, offset: 0n, length: bytes }]);
      },
      () => this.goto(ready, [{ kind: "slice", base: this.#dataOf(sk_buff.data), offset: 0n, length }]),
    );
    const window = this.land(ready)[0] as Slice;
    return { base: window.base, limit: window.length, length };
  }

  /**
   * A packet at a device. The hook gets what a hook of netfilter would: packets of its family that are for this machine
   * and whole, as the stack itself checks them, without the padding of the link.
   */
  #openDevice(pass: Join, failed: Join): Window {
    const { sk_buff } = this.layout;
    const { skb } = this;
    const { family, isIngress } = this.place;
    const leave = (): void => this.goto(pass);
    const unless = (comparison: "jeq" | "jne" | "jlt" | "jgt", left: Operand, right: Operand): void => {
      const rest = new Join();
      this.fork(comparison, left, right, leave, () => this.goto(rest));
      this.land(rest);
    };
    if (isIngress)
      unless("jeq", this.load(4, this.context, SK_BUFF_CONTEXT.pkt_type), BigInt(PACKET.PACKET_OTHERHOST));
    const isVersion4 = new Join();
    const isVersion6 = new Join();
    this.byVersion(
      () => this.goto(family === NFPROTO.NFPROTO_IPV6 ? pass : isVersion4),
      () => this.goto(family === NFPROTO.NFPROTO_IPV4 ? pass : isVersion6),
      leave,
    );
    const ready = new Join();
    for (const [version, join] of [
      [4, isVersion4],
      [6, isVersion6],
    ] as const) {
      this.land(join);
      if (this.block === undefined) continue;
      const link = this.#known(
        this.binary("sub", this.load(2, skb, sk_buff.network_header), this.load(2, skb, sk_buff.mac_header)),
        MOST_LINK,
      );
      const { base, linear, whole } = this.#gather(link, failed);
      unless("jlt", whole, BigInt(version === 4 ? ipv4.size : ipv6.size));
      const first = this.load(1, base, 0);
      unless("jne", this.binary("rsh", first, 4n), BigInt(version));
      const found = new Join();
      if (version === 4) {
        const header = this.binary("lsh", this.binary("and", first, 15n), 2n);
        unless("jlt", header, BigInt(ipv4.size));
        unless("jgt", header, whole);
        const total = this.swap(16, this.load(2, base, ipv4.offsets.totalLength));
        // Too long for its 16 bits: the stack takes all there is, too.
        this.fork(
          "jeq",
          total,
          0n,
          () => this.goto(found, [int(whole)]),
          () => {
            unless("jlt", total, header);
            this.goto(found, [int(total)]);
          },
        );
      } else {
        const payload = this.swap(16, this.load(2, base, ipv6.offsets.payloadLength));
        const counted = () => this.goto(found, [int(this.binary("add", payload, BigInt(ipv6.size)))]);
        // A jumbo payload says 0 here and its length in a hop-by-hop option.
        this.fork(
          "jeq",
          payload,
          0n,
          () =>
            this.fork(
              "jeq",
              this.load(1, base, ipv6.offsets.nextHeader),
              0n,
              () => this.goto(found, [int(whole)]),
              counted,
            ),
          counted,
        );
      }
      const length = wordOf(this.land(found)[0]);
      unless("jgt", length, whole);
      this.goto(ready, [
        { kind: "slice", base, offset: 0n, length: this.least(linear, length) },
        int(length),
        int(link),
      ]);
    }
    const [bytes, length, link] = this.land(ready);
    this.#linkBytes = wordOf(link);
    return { base: (bytes as Slice).base, limit: (bytes as Slice).length, length: wordOf(length) };
  }

  /** Three ways by the packet's protocol; each ends somewhere. */
  byVersion(version4: () => void, version6: () => void, other: () => void): void {
    const protocol = this.swap(16, this.load(2, this.skb, this.layout.sk_buff.protocol));
    this.fork("jeq", protocol, BigInt(ETH_P.ETH_P_IP), version4, () =>
      this.fork("jeq", protocol, BigInt(ETH_P.ETH_P_IPV6), version6, other),
    );
  }

  /** Has the beginning of the packet in one piece; gives how much of it is, and how much there is, from the network header. */
  #gather(link: Operand, failed: Join): { base: Value; linear: Operand; whole: Operand } {
    const { sk_buff } = this.layout;
    const { skb } = this;
    const length = this.load(4, skb, sk_buff.len, { low: 0n, high: MOST_PACKET });
    const ready = new Join();
    this.fork(
      "jne",
      this.load(4, skb, sk_buff.data_len),
      0n,
      () => {
        this.here.isCold = true;
        const bytes = this.least(length, BigInt(SCRATCH.windowBytes));
        this.attempt(BPF_FUNC.BPF_FUNC_skb_pull_data, [this.context, bytes], () => this.goto(failed));
        this.goto(ready);
      },
      () => this.goto(ready),
    );
    this.land(ready);
    const linear = this.binary("sub", length, this.load(4, skb, sk_buff.data_len));
    return {
      base: this.address(this.#dataOf(sk_buff.data), link),
      linear: this.#known(this.binary("sub", linear, link), MOST_PACKET),
      whole: this.#known(this.binary("sub", length, link), MOST_PACKET),
    };
  }

  /** An address that the kernel keeps at `offset` of the packet, to read anywhere. */
  #dataOf(offset: number): Value {
    return this.kfunc("bpf_rdonly_cast", [this.loadPointer(this.skb, offset), 0n], "pointer");
  }

  least(a: Operand, b: Operand): Operand {
    const rest = new Join();
    this.fork(
      "jgt",
      a,
      b,
      () => this.goto(rest, [int(b)]),
      () => this.goto(rest, [int(a)]),
    );
    return wordOf(this.land(rest)[0]);
  }

  /** The same word, which is from 0 to `high`. */
  #known(word: Operand, high: bigint): Operand {
    if (typeof word === "bigint") return word;
    const result = this.ir.value("int", { low: 0n, high });
    this.emit({ op: "binary", operation: "add", result, left: word, right: 0n, span: this.span });
    return result;
  }

  /** A call of the kernel that gives 0, or else goes to `failed`. */
  attempt(helper: number, args: readonly Operand[], failed: () => void): void {
    const rest = new Join();
    this.fork(
      "jne",
      this.helper(helper, args),
      0n,
      () => {
        this.here.isCold = true;
        failed();
      },
      () => this.goto(rest),
    );
    this.land(rest);
  }

  // ---- reading

  /** The bytes of the hook's own packet from its network header on. */
  get packet(): Window {
    if (!this.form.canWrite) this.shared.require("scratch");
    this.shared.require("window");
    this.#keepFromSpoiled();
    const { base, length: limit } = this.cells.get(this.#bytes) as Slice;
    return { base, limit, length: wordOf(this.cells.get(this.#length)) };
  }

  /** The bytes of the view of the hook's own packet. */
  protected get ownView(): Window {
    const { packet } = this;
    const lead = this.#leadOf();
    const length = this.shared.needs.has("resize")
      ? wordOf(this.cells.get(this.#extent))
      : this.binary("add", packet.length, lead);
    const base = lead === 0n ? packet.base : this.address(packet.base, this.negate(lead));
    const reached = this.binary("add", packet.limit, lead);
    // A view keeps its extent when the packet grows.
    if (this.shared.needs.has("resize")) return { base, limit: this.least(reached, length), length };
    return { base, limit: packet.limit === packet.length ? length : reached, length };
  }

  #leadOf(): Operand {
    return this.place.form.canWrite ? wordOf(this.cells.get(this.#lead)) : 0n;
  }

  /** Aims the view of the hook's own packet. */
  aim(lead: Operand): void {
    const { length } = this.packet;
    if (!this.place.form.canWrite) return;
    this.cells.set(this.#lead, int(lead));
    if (this.shared.needs.has("resize")) this.cells.set(this.#extent, int(this.binary("add", length, lead)));
  }

  abstract windowOf(packet: Packet | View): Window;

  // ---- writing

  /** Learns that packets are changed: strings of the packet are copies from now on. */
  requireWriting(what: string): void {
    if (!this.place.form.canWrite)
      this.refuse(
        what,
        "run the script with --attach tcx or with --on nfqueue: programs of netfilter cannot",
      );
    this.shared.require("writes");
  }

  /** Makes all bytes of the packet writable, and finds them again. */
  makeWritable(): void {
    if (this.constantOf(wordOf(this.cells.get(this.#isOwn))) === 1n) return;
    const { sk_buff } = this.layout;
    const length = this.load(4, this.skb, sk_buff.len);
    this.attempt(BPF_FUNC.BPF_FUNC_skb_pull_data, [this.context, length], () =>
      this.fail("skb linearization failed"),
    );
    if (this.block === undefined) return;
    const base = this.address(this.#dataOf(sk_buff.data), this.#linkBytes);
    const limit = wordOf(this.cells.get(this.#length));
    this.cells.set(this.#bytes, { kind: "slice", base, offset: 0n, length: limit });
    this.cells.set(this.#isOwn, int(1n));
  }

  /** Bytes before the network header at which the view of the hook's own packet begins. */
  get lead(): Operand {
    return this.#leadOf();
  }

  /** Where the frame has what stands at `offset` of a view that begins `lead` bytes before the network header. */
  protected frameOffset(offset: Operand, lead: Operand): Operand {
    if (lead === this.#linkBytes) return offset;
    const start = lead === 0n ? this.#linkBytes : this.binary("sub", this.#linkBytes, lead);
    return this.binary("add", start, offset);
  }

  /** Puts `size` bytes at `from` (both as helpers take them) into the packet; they fit. */
  protected putIntoPacket(offset: Operand, lead: Operand, from: Value, size: Operand): void {
    this.makeWritable();
    if (this.block === undefined) return;
    const at = this.frameOffset(offset, lead);
    const refused = (): void => this.punt("bytes that the kernel does not write");
    this.storeIntoFrame(at, from, size, lead === 0n, refused);
  }

  /**
   * Bytes of the frame. What the device has summed up begins at the network header; it must follow what is written
   * there.
   */
  storeIntoFrame(at: Operand, from: Value, size: Operand, isBehindLink: boolean, refused: () => void): void {
    if (this.form === FORMS.xdp) {
      this.attempt(BPF_FUNC.BPF_FUNC_xdp_store_bytes, [this.context, at, from, size], refused);
      return;
    }
    const recompute = BigInt(BPF_STORE_FLAG.BPF_F_RECOMPUTE_CSUM);
    let flags: Operand = recompute;
    if (!isBehindLink) {
      const rest = new Join();
      this.fork(
        "jgt",
        this.binary("add", at, size),
        this.#linkBytes,
        () => this.goto(rest, [int(recompute)]),
        () => this.goto(rest, [int(0n)]),
      );
      flags = wordOf(this.land(rest)[0]);
    }
    this.attempt(BPF_FUNC.BPF_FUNC_skb_store_bytes, [this.context, at, from, size, flags], refused);
  }

  /** The packet gets `length` bytes from its network header on; what is added is zero. */
  setLength(length: Operand, refused: () => void): void {
    assert(this.place.form === FORMS.tcx, "only packets of the stack are resized");
    const frameOf = (bytes: Operand): Operand => this.binary("add", this.#linkBytes, bytes);
    const own = frameOf(wordOf(this.cells.get(this.#length)));
    const exact = new Join();
    // What the link filled the frame up with must not become part of the packet.
    this.fork(
      "jgt",
      this.load(4, this.skb, this.layout.sk_buff.len),
      own,
      () => {
        this.here.isCold = true;
        this.attempt(BPF_FUNC.BPF_FUNC_skb_change_tail, [this.context, own, 0n], refused);
        this.goto(exact);
      },
      () => this.goto(exact),
    );
    this.land(exact);
    this.attempt(BPF_FUNC.BPF_FUNC_skb_change_tail, [this.context, frameOf(length), 0n], refused);
    if (this.block === undefined) return;
    this.cells.set(this.#length, int(length));
    // What is added may be a piece of its own.
    this.cells.set(this.#isOwn, int(0n));
    this.makeWritable();
  }

  /** Less of the packet counts than there is, all of which can be reached. */
  restoreLength(length: Operand): void {
    const { base } = this.cells.get(this.#bytes) as Slice;
    this.cells.set(this.#bytes, { kind: "slice", base, offset: 0n, length });
    this.cells.set(this.#length, int(length));
  }

  /** Somebody else has the bytes, too, from now on. */
  shareBytes(): void {
    this.cells.set(this.#isOwn, int(0n));
  }

  #keepFromSpoiled(): void {
    const cell = this.cells.get(this.spoiled);
    if (cell === undefined || this.constantOf(wordOf(cell)) === 0n) return;
    const rest = new Join();
    this.fork(
      "jne",
      wordOf(cell),
      0n,
      () => this.fail("the packet is gone: its copy was sent in its place"),
      () => this.goto(rest),
    );
    this.land(rest);
  }
}
