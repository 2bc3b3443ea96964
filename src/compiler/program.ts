/** The frame of a compiled hook: what it sets up, how it fails and what it logs, how it ends. */

import type { Expression, Span } from "../lua/ast.ts";
import { parseInteger, toBigInt } from "../lua/int64.ts";
import { displayName } from "../lua/position.ts";
import { BPF_FUNC, XDP } from "../uapi/bpf.ts";
import { NF_VERDICT } from "../uapi/netfilter.ts";
import {
  type Abstract,
  Cell,
  type Deferred,
  type Int,
  int,
  NIL,
  type Packet,
  type Single,
  type Slice,
  TRUE,
  text,
  type View,
} from "./abstract.ts";
import { Join } from "./control.ts";
import { CannotCompile } from "./diagnostics.ts";
import { type Captured, type EventSite, MOST_EVENT_TEXT } from "./events.ts";
import type { AccessSize, Operand, Range, Value } from "./ir.ts";
import { PacketFrame, type Place, type Window } from "./packet.ts";
import type { Shared } from "./shared.ts";
import { STATE } from "./state-classes.ts";
import {
  CONFIG,
  COUNTERS,
  FORMS,
  FRAMES,
  heapOfStrings,
  type KernelLayout,
  MAPS,
  SCRATCH,
  SK_BUFF_CONTEXT,
  STRINGS,
} from "./target.ts";

/** Rounds that a hook waits for another one to end. */
const MOST_TRIES = 100_000n;

/** All bits that a number from 0 to `most` may have. */
const bitsOf = (most: bigint): bigint => (1n << BigInt(most.toString(2).length)) - 1n;

const hasWords = (as: Captured): boolean =>
  as.kind === "call" ? as.args.some(hasWords) : as.kind !== "constant";
const hasString = (as: Captured): boolean =>
  as.kind === "string" || (as.kind === "call" && as.args.some(hasString));

export abstract class ProgramFrame extends PacketFrame {
  /** Where errors of the script go while it runs protected, innermost last. */
  readonly handlers: Join[] = [];
  /** Ends with the fallback verdict. */
  readonly #fallback = new Join();
  readonly #failures = new Join();
  readonly #punts = new Join();
  /** Packets that this program cannot decide go to user space, and the hook runs there from its start. */
  mayPunt = false;
  /** Whether a line was printed on this way. */
  readonly printed = new Cell("printed");
  printsTwice = false;
  decides = false;
  readonly #traps = new Join();
  readonly #verdicts = new Join();
  readonly #accepted = new Join();
  readonly #dropped = new Join();
  /** Ends with ACCEPT, without the lock. */
  readonly #pass = new Join();
  /** The lock was not to be had. */
  readonly #busy = new Join();
  /** The kernel did not give the packet's bytes. */
  readonly #unreadable = new Join();
  #frames: Value | undefined;
  #scratch: Value | undefined;
  #heap: Value | undefined;
  #heapRead: Value | undefined;
  #kept: Value | undefined;
  #rodata: Value | undefined;
  /** The chunk that code comes from, for messages. */
  source = "?";

  constructor(name: string, shared: Shared, layout: KernelLayout, place: Place) {
    super(name, shared, shared.kinds, layout, place);
  }

  at(node: Span): void {
    this.span = { chunk: displayName(this.source), line: node.line, column: node.column };
  }

  refuse(reason: string, advice: string): never {
    throw new CannotCompile(this.span, reason, advice);
  }

  // ---- the beginning

  protected prologue(mark: number | undefined): void {
    const { shared, layout } = this;
    this.findPacket();
    // Which packets are the hook's is seen by their bytes.
    if (this.place.form === FORMS.tcx) shared.require("window");
    if (mark !== undefined) {
      const rest = new Join();
      this.fork(
        "jne",
        this.load(4, this.skb, layout.sk_buff.mark),
        BigInt(mark),
        () => this.goto(this.#pass),
        () => this.goto(rest),
      );
      this.land(rest);
    }
    if (shared.needs.has("scratch")) {
      const scratch = this.#page(MAPS.scratch);
      this.#scratch = scratch;
      this.#heap = this.address(scratch, BigInt(SCRATCH.heapOffset));
      if (!shared.needs.has("strings"))
        this.#heapRead = this.kfunc("bpf_rdonly_cast", [this.#heap, 0n], "pointer");
    }
    if (shared.needs.has("frames")) {
      this.#frames = this.#page(MAPS.frames);
      const rest = new Join();
      this.fork(
        "jne",
        this.load(8, this.#frames, FRAMES.sending),
        0n,
        () => this.goto(this.#pass),
        () => this.goto(rest),
      );
      this.land(rest);
    }
    if (shared.needs.has("rodata"))
      this.#rodata = this.kfunc("bpf_rdonly_cast", [this.mapValue(MAPS.rodata, 0), 0n], "pointer");
    if (shared.needs.has("window")) this.openWindow(this.#pass, this.#unreadable);
    if (shared.needs.has("lock")) this.#lock();
    if (shared.needs.has("strings")) this.#openStrings();
  }

  #openStrings(): void {
    const cast = (offset: number): Value =>
      this.kfunc("bpf_rdonly_cast", [this.mapValue(MAPS.strings, offset), 0n], "pointer");
    this.#kept = cast(0);
    this.#heapRead = cast(heapOfStrings(this.shared.ringBytes));
  }

  /** The memory of this processor in a map. */
  #page(map: string): Value {
    const key = this.stack("key 0", 4);
    this.store(4, key, 0, 0n);
    const page = this.helper(BPF_FUNC.BPF_FUNC_map_lookup_elem, [this.map(map), key], "pointer");
    const rest = new Join();
    this.fork(
      "jeq",
      page,
      0n,
      () => this.goto(this.#pass),
      () => this.goto(rest),
    );
    this.land(rest);
    return page;
  }

  /**
   * Hooks of a script run one after the other. Beside the lock stands the processor that holds it: a hook that
   * interrupts another on its own processor must not wait, and nobody waits long.
   */
  #lock(): void {
    const lock = this.mapValue(MAPS.state, STATE.lock);
    const cpu = this.helper(BPF_FUNC.BPF_FUNC_get_smp_processor_id, [], "int", { low: 0n, high: 0xffffn });
    const own = this.binary("add", cpu, 1n);
    const held = new Join();
    const busy = new Join();
    const tries = new Cell("tries");
    const take = (otherwise: () => void): void => {
      const wasHeld = this.ir.value("int", { low: 0n, high: 1n });
      this.emit({ op: "exchange", to: lock, offset: 0, value: 1n, result: wasHeld, span: this.span });
      this.fork("jeq", wasHeld, 0n, () => this.goto(held), otherwise);
    };
    // The first try is outside of the loop: mostly there is none.
    take(() => {
      this.here.isCold = true;
      this.cells.set(tries, int(0n));
      this.loop("lock", (again) => {
        const wait = (): void => {
          const count = (this.cells.get(tries) as Int).value;
          this.cells.set(tries, int(this.binary("add", count, 1n)));
          this.fork(
            "jsgt",
            count,
            MOST_TRIES,
            () => this.goto(busy),
            () => take(() => this.goto(again)),
          );
        };
        this.fork("jeq", this.load(8, lock, STATE.holder), own, () => this.goto(busy), wait);
      });
    });
    this.land(busy);
    this.here.isCold = true;
    this.goto(this.#busy);
    this.land(held);
    this.store(8, lock, STATE.holder, own);
    this.cells.delete(tries);
  }

  get scratch(): Value {
    this.shared.require("scratch");
    return this.#scratch!;
  }

  /** The page for packets that are copied or sent. */
  get frames(): Value {
    this.shared.require("frames");
    return this.#frames!;
  }

  windowOf(object: Packet | View): Window {
    if (object.of === "own") return object.kind === "view" ? this.ownView : this.packet;
    // The argument of a callback on frames, which is empty.
    if (this.form === FORMS.xdp) return { ...this.packet, limit: 0n, length: 0n };
    const lead = object.kind === "view" ? object.lead : 0n;
    const page = this.kfunc(
      "bpf_rdonly_cast",
      [this.address(this.frames, BigInt(FRAMES.copy)), 0n],
      "pointer",
    );
    const length = object.kind === "view" ? object.size : (this.cells.get(this.copyLength) as Int).value;
    const room = this.binary("sub", this.binary("add", lead, BigInt(FRAMES.mostBytes)), this.linkBytes);
    return {
      base: this.address(page, this.frameOffset(0n, lead)),
      limit: this.least(room, length),
      length,
    };
  }

  /** The place in the copy of `offset`, seen from a view that begins `lead` bytes before the network header. */
  copyAddress(offset: Operand, lead: Operand): Value {
    const at = this.bound(this.frameOffset(offset, lead), BigInt(FRAMES.mostBytes));
    return this.address(this.address(this.frames, BigInt(FRAMES.copy)), at);
  }

  /** A length from 1 to `most`, as helpers want to see it that take no empty ranges. */
  shownLength(length: Operand, most: bigint): Operand {
    return this.binary("add", this.bound(this.binary("sub", length, 1n), most - 1n), 1n);
  }

  /** Where strings are built: to write, with bounds that the verifier sees. */
  get heap(): Value {
    const { needs, ringBytes } = this.shared;
    if (needs.has("strings")) return this.mapValue(MAPS.strings, heapOfStrings(ringBytes));
    this.shared.require("scratch");
    return this.#heap!;
  }

  protected get heapBytes(): number {
    return this.shared.needs.has("strings") ? STRINGS.heapBytes : SCRATCH.heapBytes;
  }

  /** The strings that were kept, to read. */
  get kept(): Value {
    this.shared.require("strings");
    return this.#kept!;
  }

  /** The same memory, to read. */
  get heapRead(): Value {
    if (!this.shared.needs.has("strings")) this.shared.require("scratch");
    return this.#heapRead!;
  }

  // ---- words and bytes

  config(offset: number): Value {
    return this.load(8, this.mapValue(MAPS.config, 0), offset);
  }

  launder(word: Operand): Operand {
    const zero = this.config(CONFIG.zero);
    const result = this.ir.value("int", this.rangeOf(word));
    this.emit({ op: "binary", operation: "add", result, left: zero, right: word, span: this.span });
    return result;
  }

  sliceOf(value: Single): Slice {
    if (value.kind === "slice") return value;
    if (value.kind === "deferred")
      this.refuse(
        "a text that is more than printed",
        "only string.format with %d, %x and %s makes texts to compare",
      );
    if (value.kind !== "text") throw new Error(`a ${value.kind} is no string`);
    this.shared.require("rodata");
    return {
      kind: "slice",
      base: this.#rodata!,
      offset: BigInt(this.shared.intern(value.text)),
      length: BigInt(value.text.length),
    };
  }

  protected anyAddress(address: Operand | undefined): Value {
    const everywhere = [this.openedAt, this.#heapRead, this.#rodata].filter((base) => base !== undefined);
    const same = everywhere.find((base) => base === address);
    if (everywhere.length === 0) this.shared.require("rodata");
    return same ?? everywhere[0]!;
  }

  lengthOf(value: Single): Operand {
    return value.kind === "text" ? BigInt(value.text.length) : this.sliceOf(value).length;
  }

  /** Loads `size` bytes at `base + offset + more`. */
  loadAt(size: AccessSize, base: Value, offset: Operand, more = 0, known?: Range): Value {
    const constant = this.constantOf(offset);
    if (constant !== undefined) {
      const at = Number(constant) + more;
      if (at >= -32768 && at < 32768) return this.load(size, base, at, known);
    }
    return this.load(size, this.address(base, offset), more, known);
  }

  // ---- errors and the log

  #site(site: EventSite): bigint {
    const { sites } = this.shared;
    const same = sites.findIndex(
      (other) =>
        other.kind === site.kind &&
        other.message !== undefined &&
        other.message === site.message &&
        other.captured.length === 0,
    );
    if (same >= 0) return BigInt(same);
    sites.push(site);
    return BigInt(sites.length - 1);
  }

  /** `chunk:line: message`, as Lua has it. */
  positioned(message: string, at = this.span): string {
    return at === undefined || this.isBare ? message : `${at.chunk}:${at.line}: ${message}`;
  }

  /** No line of the script is where errors come from. */
  isBare = false;

  /** Raises an error of Lua whose text is known. This path ends. */
  fail(message: string): void {
    this.raise(text(this.positioned(message)));
  }

  /** Raises `value`. This path ends. */
  raise(value: Abstract): void {
    if (this.block === undefined) return;
    this.here.isCold = true;
    const handler = this.handlers.at(-1);
    if (handler !== undefined) {
      this.goto(handler, [value]);
      return;
    }
    if (value.kind === "text") {
      const site = this.#site({
        kind: "error",
        span: this.span,
        message: value.text,
        expressions: [],
        captured: [],
      });
      this.goto(this.#failures, [int(site)]);
      return;
    }
    const hole: Expression = { kind: "nil", line: this.span?.line ?? 0, column: this.span?.column ?? 0 };
    this.log("error", [hole], [[hole, value]]);
    this.goto(this.#fallback);
  }

  /** Leaves the packet to user space, which this program cannot decide. This path ends. */
  punt(reason: string): void {
    if (this.block === undefined) return;
    this.here.isCold = true;
    if (this.mayPunt) {
      const printed = this.cells.get(this.printed);
      if (printed?.kind !== "bool" || this.constantOf(printed.value) !== 0n) this.printsTwice = true;
      this.goto(this.#punts);
      return;
    }
    const site = this.#site({
      kind: "punt",
      span: this.span,
      message: `${this.form.fallback}: ${reason}`,
      expressions: [],
      captured: [],
    });
    this.goto(this.#failures, [int(site)]);
  }

  protected trapLoop(): Join {
    return this.#traps;
  }

  /**
   * The same word, which is from 0 to `most`, with a bound that the verifier sees: below the next power of two. A
   * comparison of the word would not do: the verifier forgets it where the word is loaded from the stack again.
   */
  bound(word: Operand, most: bigint): Operand {
    if (typeof word === "bigint") return word;
    const { low, high } = this.rangeOf(word);
    const result = this.ir.value("int", { low: low < 0n ? 0n : low, high: high > most ? most : high });
    this.emit({ op: "binary", operation: "and", result, left: word, right: bitsOf(most), span: this.span });
    return result;
  }

  /** As `bound`, but exactly; beyond it lies a run that ends in the fallback. */
  boundExactly(word: Operand, most: bigint): Operand {
    const result = this.bound(word, most);
    if (most === bitsOf(most)) return result;
    const beyond = this.ir.block();
    beyond.isCold = true;
    const { cells, facts } = this;
    this.guard(result, most, beyond);
    const { block } = this;
    const after = this.facts;
    this.block = beyond;
    this.cells = new Map(cells);
    this.facts = new Map(facts);
    this.goto(this.trapLoop());
    this.block = block;
    this.cells = cells;
    this.facts = after;
    return result;
  }

  /** Counts a round of a loop or a call against the budget. */
  protected abstract charge(): void;

  /** Writes a record: the place, and the words of `values`. */
  log(
    kind: "print" | "error",
    expressions: readonly Expression[],
    holes: readonly (readonly [Expression, Abstract])[],
  ): void {
    const parts: { hole: Expression; as: Captured; value: Abstract }[] = holes.map(([hole, value]) => ({
      hole,
      as: this.#captured(value),
      value,
    }));
    const site = this.#site({
      kind,
      span: this.span,
      message: undefined,
      expressions,
      captured: parts.map(({ hole, as }) => ({ hole, as })),
    });
    const record = this.address(this.scratch, BigInt(SCRATCH.eventOffset));
    this.store(8, record, 0, site);
    let at = 8;
    // A string at the end takes only what it needs.
    let end: Operand = 8n;
    const put = (value: Abstract, as: Captured): void => {
      if (as.kind === "constant") return;
      if (as.kind === "call") {
        for (const [i, arg] of as.args.entries()) put((value as Deferred).args[i]!, arg);
        return;
      }
      if (as.kind === "string") {
        end = this.#putText(record, at, value as Single, BigInt(as.room));
        at += 8 + ((as.room + 7) & ~7);
        return;
      }
      this.store(8, record, at, (value as Int).value);
      at += 8;
      end = BigInt(at);
    };
    for (const { value, as } of parts) {
      if (as.kind !== "union") {
        put(value, as);
        continue;
      }
      if (value.kind !== "union") throw new Error("a union is captured as one");
      this.store(8, record, at, value.tag);
      at += 8;
      const start = at;
      let most = start;
      const filled = as.alternatives.filter(([, alternative]) => hasWords(alternative));
      for (const [i, [tag, alternative]] of as.alternatives.entries()) {
        const single = value.alternatives[i]!;
        if (!hasWords(alternative)) continue;
        at = start;
        if (filled.length === 1 && !hasString(alternative)) put(single, alternative);
        else {
          // Where there is no such value, its words are anything.
          const rest = new Join();
          const copy = (): void => {
            put(single, alternative);
            this.goto(rest);
          };
          this.fork("jeq", value.tag, tag, copy, () => this.goto(rest));
          this.land(rest);
        }
        most = at > most ? at : most;
      }
      at = most;
      end = BigInt(at);
    }
    if (this.mayPunt && kind === "print") this.cells.set(this.printed, TRUE);
    if (at > SCRATCH.eventBytes) this.refuse("too much to print at once", "print less in one call");
    const result = this.helper(BPF_FUNC.BPF_FUNC_ringbuf_output, [this.map(MAPS.events), record, end, 0n]);
    const rest = new Join();
    this.fork(
      "jeq",
      result,
      0n,
      () => this.goto(rest),
      () => {
        this.here.isCold = true;
        this.#count(COUNTERS.lostEvents);
        this.goto(rest);
      },
    );
    this.land(rest);
  }

  /** A string in a record takes the room of the longest, so that what follows has a fixed place; gives its end. */
  #putText(record: Value, at: number, value: Single, room: bigint): Operand {
    const { base, offset, length } = this.sliceOf(value);
    this.store(8, record, at, length);
    const cut = new Join();
    this.fork(
      "jgt",
      length,
      room,
      () => this.goto(cut, [int(room)]),
      () => this.goto(cut, [int(length)]),
    );
    const bytes = this.bound((this.land(cut)[0] as Int).value, room);
    this.copy(this.address(record, BigInt(at + 8)), bytes, this.address(base, offset));
    return this.binary("add", bytes, BigInt(at + 8));
  }

  #roomOf(length: Operand): bigint {
    const most = BigInt(MOST_EVENT_TEXT);
    const { high } = this.rangeOf(length);
    return high < most ? high : most;
  }

  /** Copies bytes that may lie anywhere; the verifier must see the bounds of `bytes`. */
  copy(to: Value, bytes: Operand, from: Value): void {
    this.helper(BPF_FUNC.BPF_FUNC_probe_read_kernel, [to, bytes, from]);
  }

  #captured(value: Abstract): Captured {
    if (value.kind === "union") {
      return {
        kind: "union",
        alternatives: value.alternatives.map((single) => [
          this.kinds.tagOf(this.kinds.shapeOf(single)),
          this.#captured(single),
        ]),
      };
    }
    switch (value.kind) {
      case "nil":
        return { kind: "constant", value: undefined };
      case "text":
        return { kind: "constant", value: value.text };
      case "slice":
        return { kind: "string", room: Number(this.#roomOf(value.length)) };
      case "int":
      case "bool":
        return { kind: value.kind };
      case "table":
        return { kind: "constant", value: value.table };
      case "object":
        return { kind: "constant", value: value.userdata };
      case "function":
        return { kind: "constant", value: value.f };
      case "deferred":
        return {
          kind: "call",
          f: value.f,
          result: value.result,
          args: value.args.map((arg) => this.#captured(arg)),
        };
      default:
        return this.refuse(
          `a ${value.kind === "dynamic" ? "table" : value.kind} that is printed`,
          "print its fields",
        );
    }
  }

  #report(site: Operand): void {
    const record = this.stack("failure", 8);
    this.store(8, record, 0, site);
    this.helper(BPF_FUNC.BPF_FUNC_ringbuf_output, [this.map(MAPS.events), record, 8n, 0n]);
  }

  // ---- the end

  /** Ends with what the hook returned; see `outcomeOf` of the module `netfilter`. */
  verdict(values: readonly Abstract[]): void {
    if (this.block === undefined) return;
    const [first = NIL, mark = NIL] = values;
    this.#setMark(mark);
    this.#decide(first, "nf.action");
  }

  /** Ends with what the callback of xdp returned. */
  answer(value: Abstract): void {
    this.#decide(value, "linux.xdp");
  }

  #decide(value: Abstract, constants: string): void {
    if (this.block === undefined) return;
    this.cases(value, (single) => {
      if (single.kind === "text") {
        // As lua_tointeger: a numeral, or 0.
        this.goto(this.#verdicts, [int(toBigInt(parseInteger(single.text) ?? 0))]);
        return;
      }
      if (single.kind === "slice") {
        this.#leave("a string as the verdict", `return an integer of ${constants}`);
        return;
      }
      this.goto(this.#verdicts, [single.kind === "int" ? single : int(0n)]);
    });
  }

  #leave(reason: string, advice: string): void {
    if (!this.mayPunt) this.refuse(reason, advice);
    this.shared.refusals.push({ span: this.span, reason, advice });
    this.punt(reason);
  }

  /** Ends with the result of a match: whether it is true. */
  matched(value: Abstract): void {
    this.byTruth(
      value,
      () => this.goto(this.#dropped),
      () => this.goto(this.#accepted),
    );
  }

  /** Tells the rule behind this one that the packet is for user space. */
  #recordPunt(punted: Join): void {
    const key = this.stack("punted", 8);
    this.store(8, key, 0, this.skb);
    const result = this.helper(BPF_FUNC.BPF_FUNC_map_update_elem, [this.map(MAPS.punted), key, key, 0n]);
    this.fork(
      "jeq",
      result,
      0n,
      () => {
        this.#count(COUNTERS.punted);
        this.goto(punted);
      },
      () => {
        const message = "too many packets are on their way to user space, this one is accepted";
        const site = this.#site({
          kind: "error",
          span: undefined,
          message,
          expressions: [],
          captured: [],
        });
        this.goto(this.#failures, [int(site)]);
      },
    );
  }

  #count(counter: number): void {
    this.emit({
      op: "atomicAdd",
      size: 8,
      to: this.mapValue(MAPS.counters, counter),
      offset: 0,
      value: this.launder(1n) as Value,
      result: undefined,
      span: this.span,
    });
  }

  #setMark(mark: Abstract): void {
    const rest = new Join();
    this.cases(mark, (single) => {
      if (single.kind !== "nil") {
        if (this.place.form !== FORMS.tcx) {
          this.#leave(
            "a mark as the second result",
            "run the script with --attach tcx or with --on nfqueue: programs of netfilter cannot set marks",
          );
          return;
        }
        if (single.kind === "text" || single.kind === "slice")
          this.refuse("a string as the mark", "return an integer");
        this.store(4, this.context, SK_BUFF_CONTEXT.mark, single.kind === "int" ? single.value : 0n);
      }
      this.goto(rest);
    });
    this.land(rest);
  }

  protected epilogue(): void {
    const accept = this.#accepted;
    const drop = this.#dropped;
    const punted = new Join();
    const answered = new Join();
    this.decides = this.#verdicts.paths.length > 0;
    const [verdict] = this.land(this.#verdicts);
    if (this.block !== undefined) {
      // Truncated to a C int; out of range is ACCEPT.
      const word = (verdict as Int).value;
      const narrow = this.binary("arsh", this.binary("lsh", word, 32n), 32n);
      const { low, high } = this.rangeOf(word);
      const c = low >= -(1n << 31n) && high < 1n << 31n ? word : narrow;
      if (this.place.form === FORMS.xdp)
        this.fork(
          "jgt",
          c,
          BigInt(XDP.XDP_TX),
          () => this.punt("a verdict other than ABORTED, DROP, PASS and TX"),
          () => this.goto(answered, [int(c)]),
        );
      else
        this.fork(
          "jgt",
          c,
          BigInt(NF_VERDICT.NF_STOP),
          () => this.goto(accept),
          () =>
            this.fork(
              "jeq",
              c,
              BigInt(NF_VERDICT.NF_ACCEPT),
              () => this.goto(accept),
              () =>
                this.fork(
                  "jeq",
                  c,
                  BigInt(NF_VERDICT.NF_DROP),
                  () => this.goto(drop),
                  () => this.punt("a verdict other than DROP and ACCEPT"),
                ),
            ),
        );
    }
    const [answer] = this.land(answered);
    if (this.block !== undefined) {
      this.#unlock();
      this.end({ op: "return", value: (answer as Int).value, span: undefined });
    }
    this.land(this.#traps);
    if (this.block !== undefined) {
      this.here.isCold = true;
      this.span = undefined;
      const site = this.#site({
        kind: "error",
        span: undefined,
        message: "instruction budget exceeded",
        expressions: [],
        captured: [],
      });
      this.goto(this.#failures, [int(site)]);
    }
    this.land(this.#punts);
    if (this.block !== undefined) {
      this.span = undefined;
      this.#recordPunt(punted);
    }
    const [site] = this.land(this.#failures);
    if (this.block !== undefined) {
      this.here.isCold = true;
      this.#report((site as Int).value);
      this.goto(this.#fallback);
    }
    this.land(this.#fallback);
    if (this.block !== undefined) this.goto(accept);
    this.#passWith(this.#busy, "another hook of this script has not ended");
    this.#passWith(this.#unreadable, "skb linearization failed");
    this.land(accept);
    if (this.block !== undefined) {
      this.#keepSpoiled(drop);
      this.#unlock();
      this.goto(this.#pass);
    }
    const { form } = this.place;
    this.land(drop);
    if (this.block !== undefined) {
      this.#unlock();
      this.end({ op: "return", value: form.results.drop, span: undefined });
    }
    this.land(punted);
    if (this.block !== undefined) {
      this.#unlock();
      this.end({ op: "return", value: form.results.drop, span: undefined });
    }
    this.land(this.#pass);
    if (this.block !== undefined) this.end({ op: "return", value: form.results.accept, span: undefined });
  }

  /** What was put in a packet's place must not go on as the packet. */
  #keepSpoiled(drop: Join): void {
    const spoiled = this.cells.get(this.spoiled);
    if (spoiled === undefined) return;
    const rest = new Join();
    this.fork(
      "jne",
      (spoiled as Int).value,
      0n,
      () => {
        this.here.isCold = true;
        this.#reportText("a packet that could not be put back after its copy was sent is dropped");
        this.goto(drop);
      },
      () => this.goto(rest),
    );
    this.land(rest);
  }

  /** Without the lock. */
  #passWith(join: Join, message: string): void {
    this.land(join);
    if (this.block === undefined) return;
    this.here.isCold = true;
    this.#reportText(message);
    this.goto(this.#pass);
  }

  #reportText(message: string): void {
    this.#report(this.#site({ kind: "error", span: undefined, message, expressions: [], captured: [] }));
  }

  #unlock(): void {
    if (!this.shared.needs.has("lock")) return;
    const lock = this.mapValue(MAPS.state, STATE.lock);
    this.store(8, lock, STATE.holder, 0n);
    if (this.layout.storesInOrder) {
      this.store(8, lock, 0, 0n);
      return;
    }
    const result = this.ir.value("int");
    this.emit({ op: "exchange", to: lock, offset: 0, value: 0n, result, span: undefined });
  }
}
