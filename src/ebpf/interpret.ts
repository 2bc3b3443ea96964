/**
 * Runs eBPF programs without a kernel: to test what the compiler makes, and to show it in a browser. Every access is
 * checked against the memory it points into, and a fault names the instruction and the source line; the verifier would
 * have refused such a program, so here a fault is a finding and not part of any program's meaning.
 *
 * Not modelled: alignment of atomics, other processors, the 512 bytes that all frames share in the kernel (each has
 * its own here).
 */

import {
  BPF_ALU_OP,
  BPF_ATOMIC_OP,
  BPF_CLASS,
  BPF_JMP_OP,
  BPF_LIMIT,
  BPF_MODE,
  BPF_SIZE,
} from "../uapi/bpf.ts";
import { assert } from "../util/assert.ts";
import { alu32, alu64, compare, swapBytes } from "./arithmetic.ts";
import { BpfFault, type Environment, Executable, type RunResult } from "./executable.ts";
import { BPF_HELPERS, KFUNCS } from "./helper-functions.ts";
import type { Instruction } from "./instruction.ts";
import type { BpfMap } from "./maps.ts";
import { ProgArrayMap, type RingBufferMap } from "./maps.ts";
import { Memory, ORIGIN, type Place, Region } from "./memory.ts";
import { type Program, spanOfSlot } from "./program-builder.ts";

/** Runs `program` once. */
export function interpret(program: Program | Executable, environment: Environment = {}): RunResult {
  const executable = program instanceof Executable ? program : new Executable(program);
  return new Machine(executable, environment).run();
}

interface Frame {
  readonly executable: Executable;
  readonly returnTo: number;
  /** r6..r9, both halves. */
  readonly saved: Int32Array;
}

const DEFAULT_LIMIT = 1_000_000;
const R0 = 0;
const R6 = 12;
const R10 = 20;
/** What a call leaves in r1..r5: nothing that a program could want. */
const LOST = 0x0badbad;

const { BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_JMP32, BPF_ALU64 } = BPF_CLASS;
const { BPF_B, BPF_H, BPF_W, BPF_DW } = BPF_SIZE;

/** One run. Helpers (helper-functions.ts) see it from the inside. */
export class Machine {
  readonly environment: Environment;
  readonly memory = new Memory();
  /** Registers as halves: the low one of register n at 2n, the high one behind it. */
  readonly regs = new Int32Array(22);
  /** Reserved ring buffer records that were neither submitted nor discarded. */
  readonly records = new Map<Region, RingBufferMap>();
  readonly #frames: Frame[] = [];
  readonly #stacks: Region[] = [];
  readonly #maps: { region: Region; map: BpfMap }[] = [];
  readonly #functions: { region: Region; slot: number }[] = [];
  #executable: Executable;
  #pc = 0;
  #executed = 0;
  #tailCalls = 0;
  #loopsLeft: number = BPF_LIMIT.BPF_MAX_LOOPS;

  constructor(executable: Executable, environment: Environment) {
    this.#executable = executable;
    this.environment = environment;
  }

  run(): RunResult {
    this.#enterFrame();
    this.#setContext();
    this.#execute(0);
    return { low: this.regs[R0]!, high: this.regs[R0 + 1]!, executed: this.#executed };
  }

  /** Ends the run. */
  fault(reason: string): never {
    const instruction = this.#executable.slots[this.#pc];
    throw new BpfFault(reason, this.#pc, instruction, spanOfSlot(this.#executable.program, this.#pc));
  }

  /** Puts the address of a place into the register whose low half is at `d`. */
  setPointer(d: number, place: Place): void {
    this.regs[d] = ORIGIN + place.offset;
    this.regs[d + 1] = this.memory.numberOf(place.region);
  }

  /** Where `size` bytes at an address lie; a fault when they are not all there. */
  resolve(low: number, high: number, size: number, isWrite: boolean): Place {
    const region = this.memory.find(high);
    const offset = (low >>> 0) - ORIGIN;
    const verb = isWrite ? "writes" : "reads";
    if (region === undefined) {
      const address = `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, "0")}`;
      return this.fault(`${verb} ${size} bytes at ${(low | high) === 0 ? "NULL" : address}`);
    }
    if (offset < 0 || offset + size > region.bytes.length)
      return this.fault(
        `${verb} ${size} bytes at offset ${offset} of ${region.name}, which has ${region.bytes.length}`,
      );
    if (isWrite && !region.isWritable) return this.fault(`writes to ${region.name}, which is read-only`);
    return { region, offset };
  }

  /** The bytes that argument `n` (1..5) of a call points to; they may be written when `isWrite`. */
  argumentBytes(n: number, size: number, isWrite = false): Uint8Array {
    const { region, offset } = this.resolve(this.regs[2 * n]!, this.regs[2 * n + 1]!, size, isWrite);
    return region.bytes.subarray(offset, offset + size);
  }

  /** The low half of argument `n`, unsigned. */
  argument(n: number): number {
    return this.regs[2 * n]! >>> 0;
  }

  /** The map that argument `n` points to. */
  argumentMap(n: number): BpfMap {
    const region = this.memory.find(this.regs[2 * n + 1]!);
    const found = this.#maps.find((entry) => entry.region === region);
    return found && this.regs[2 * n] === ORIGIN ? found.map : this.fault(`r${n} is no map`);
  }

  /** r0 = a number, sign-extended. */
  setResult(value: number): void {
    this.regs[R0] = value;
    this.regs[R0 + 1] = value < 0 ? -1 : Math.floor(value / 2 ** 32);
  }

  /** r0 = an address, or 0. */
  setResultPointer(place: Place | undefined): void {
    if (place) this.setPointer(R0, place);
    else this.setResult(0);
  }

  /** Calls the function that argument `n` points to, with r1 and r2 set by the caller; r0 is its result. */
  callBack(n: number): (first: number, second: readonly [number, number]) => number {
    const region = this.memory.find(this.regs[2 * n + 1]!);
    const found = this.#functions.find((entry) => entry.region === region);
    if (found === undefined) return this.fault(`r${n} is no function`);
    return (first, second) => {
      const returnTo = this.#pc;
      this.regs.set([first, 0, ...second], 2);
      this.#pushFrame(returnTo);
      this.#pc = found.slot;
      this.#execute(this.#frames.length);
      this.#pc = returnTo;
      return this.regs[R0]!;
    };
  }

  /** Goes on at the start of another program; false when there is none, or too many calls came before. */
  tailCall(map: BpfMap, index: number): boolean {
    if (!(map instanceof ProgArrayMap)) return this.fault("r2 is no program array");
    const target: unknown = map.programs[index];
    if (index >= map.options.maxEntries || target === undefined) return false;
    assert(target instanceof Executable, "programs of a program array are Executables");
    if (this.#tailCalls++ >= BPF_LIMIT.MAX_TAIL_CALL_CNT) return false;
    this.#executable = target;
    this.#pc = -1;
    return true;
  }

  #setContext(): void {
    if (this.environment.context) this.setPointer(2, { region: this.environment.context, offset: 0 });
  }

  #stack(depth: number): Region {
    return (this.#stacks[depth] ??= new Region(
      `the stack of frame ${depth}`,
      new Uint8Array(BPF_LIMIT.MAX_BPF_STACK),
    ));
  }

  #enterFrame(): void {
    const depth = this.#frames.length;
    if (depth >= BPF_LIMIT.MAX_CALL_FRAMES) this.fault(`calls are ${depth + 1} frames deep`);
    this.setPointer(R10, { region: this.#stack(depth), offset: BPF_LIMIT.MAX_BPF_STACK });
  }

  #pushFrame(returnTo: number): void {
    this.#frames.push({ executable: this.#executable, returnTo, saved: this.regs.slice(R6, R10) });
    this.#enterFrame();
  }

  #mapPointer(instruction: Instruction): void {
    const name = instruction.symbol ?? `fd:${instruction.imm}`;
    const map = this.environment.maps?.[name];
    if (map === undefined) this.fault(`there is no map ${name}`);
    const d = instruction.dst * 2;
    if (instruction.opcode.name === "ld_map_value") {
      const value = map.lookup(new Uint8Array(4), this.environment.cpu ?? 0);
      if (value === undefined) this.fault(`${name} has no first value`);
      this.setPointer(d, { region: value, offset: instruction.high });
      return;
    }
    let known = this.#maps.find((entry) => entry.map === map);
    if (!known) {
      known = { map, region: new Region(`the map ${name}`, new Uint8Array(0)) };
      this.#maps.push(known);
    }
    this.setPointer(d, { region: known.region, offset: 0 });
  }

  #functionPointer(instruction: Instruction): void {
    const slot = this.#pc + 1 + instruction.imm;
    let known = this.#functions.find((entry) => entry.slot === slot);
    if (!known) {
      known = { slot, region: new Region(`the function at slot ${slot}`, new Uint8Array(0)) };
      this.#functions.push(known);
    }
    this.setPointer(instruction.dst * 2, { region: known.region, offset: 0 });
  }

  /** Executes until the frame at this depth exits. */
  #execute(depth: number): void {
    const { regs } = this;
    const limit = this.environment.limit ?? DEFAULT_LIMIT;
    for (;;) {
      const instruction = this.#executable.slots[this.#pc];
      if (instruction === undefined) this.fault("there is no instruction");
      if (this.#executed++ >= limit) this.fault(`more than ${limit} instructions`);
      const { opcode, imm, off } = instruction;
      const { code } = opcode;
      const d = instruction.dst * 2;
      const s = instruction.src * 2;
      switch (code & 7) {
        case BPF_ALU64:
          this.#alu64(code, off, imm, d, s);
          break;
        case BPF_ALU:
          this.#alu32(code, off, imm, d, s);
          break;
        case BPF_LDX:
          this.#load(code, d, regs[s]!, regs[s + 1]!, off);
          break;
        case BPF_ST:
          this.#store(code, d, off, imm, imm >> 31);
          break;
        case BPF_STX:
          if ((code & 0xe0) === BPF_MODE.BPF_ATOMIC) this.#atomic(code, d, s, off, imm);
          else this.#store(code, d, off, regs[s]!, regs[s + 1]!);
          break;
        case BPF_LD:
          this.#loadImmediate(instruction);
          this.#pc++;
          break;
        case BPF_JMP:
        case BPF_JMP32:
          if (this.#jump(instruction, depth)) return;
          break;
      }
      this.#pc++;
    }
  }

  #alu64(code: number, off: number, imm: number, d: number, s: number): void {
    const { regs } = this;
    const operation = code & 0xf0;
    if (operation === BPF_ALU_OP.BPF_END) {
      swapBytes(regs, d, imm, true);
      return;
    }
    const isRegister = (code & 8) !== 0;
    let low = isRegister ? regs[s]! : imm;
    let high = isRegister ? regs[s + 1]! : imm >> 31;
    if (operation === BPF_ALU_OP.BPF_MOV && off > 1) {
      low = (low << (32 - off)) >> (32 - off);
      high = low >> 31;
    }
    alu64(operation, off === 1, regs, d, low, high);
  }

  #alu32(code: number, off: number, imm: number, d: number, s: number): void {
    const { regs } = this;
    const operation = code & 0xf0;
    if (operation === BPF_ALU_OP.BPF_END) {
      swapBytes(regs, d, imm, (code & 8) !== 0);
      return;
    }
    let value = (code & 8) !== 0 ? regs[s]! : imm;
    if (operation === BPF_ALU_OP.BPF_MOV && off > 1) value = (value << (32 - off)) >> (32 - off);
    regs[d] = alu32(operation, off === 1, regs[d]!, value);
    regs[d + 1] = 0;
  }

  #load(code: number, d: number, low: number, high: number, off: number): void {
    const { regs } = this;
    const size = sizeOf(code);
    const from = offset(low, high, off);
    const place = this.resolve(from.low, from.high, size, false);
    const pointer = place.region.pointers?.get(place.offset);
    if (pointer !== undefined) {
      this.setPointer(d, pointer);
      return;
    }
    const { view } = place.region;
    const isSigned = (code & 0xe0) === BPF_MODE.BPF_MEMSX;
    switch (code & 0x18) {
      case BPF_B:
        regs[d] = isSigned ? view.getInt8(place.offset) : view.getUint8(place.offset);
        break;
      case BPF_H:
        regs[d] = isSigned ? view.getInt16(place.offset, true) : view.getUint16(place.offset, true);
        break;
      default:
        regs[d] = view.getInt32(place.offset, true);
        break;
    }
    if (size === 8) regs[d + 1] = view.getInt32(place.offset + 4, true);
    else regs[d + 1] = isSigned ? regs[d]! >> 31 : 0;
  }

  #store(code: number, d: number, off: number, low: number, high: number): void {
    const to = offset(this.regs[d]!, this.regs[d + 1]!, off);
    const { region, offset: at } = this.resolve(to.low, to.high, sizeOf(code), true);
    write(region.view, at, code, low, high);
  }

  #atomic(code: number, d: number, s: number, off: number, imm: number): void {
    const { regs } = this;
    if (imm === BPF_ATOMIC_OP.BPF_LOAD_ACQ) {
      this.#load(code, d, regs[s]!, regs[s + 1]!, off);
      return;
    }
    if (imm === BPF_ATOMIC_OP.BPF_STORE_REL) {
      this.#store(code, d, off, regs[s]!, regs[s + 1]!);
      return;
    }
    const isWide = (code & 0x18) === BPF_DW;
    const to = offset(regs[d]!, regs[d + 1]!, off);
    const { region, offset: at } = this.resolve(to.low, to.high, sizeOf(code), true);
    const old = Int32Array.of(
      region.view.getInt32(at, true),
      isWide ? region.view.getInt32(at + 4, true) : 0,
    );
    if (imm === BPF_ATOMIC_OP.BPF_CMPXCHG) {
      const isEqual = regs[R0] === old[0] && (!isWide || regs[R0 + 1] === old[1]);
      if (isEqual) write(region.view, at, code, regs[s]!, regs[s + 1]!);
      regs.set(old, R0);
      return;
    }
    const value = old.slice();
    const operation = imm === BPF_ATOMIC_OP.BPF_XCHG ? BPF_ALU_OP.BPF_MOV : imm & 0xf0;
    alu64(operation, false, value, 0, regs[s]!, regs[s + 1]!);
    write(region.view, at, code, value[0]!, value[1]!);
    if (imm & BPF_ATOMIC_OP.BPF_FETCH) regs.set(old, s);
  }

  #loadImmediate(instruction: Instruction): void {
    const d = instruction.dst * 2;
    switch (instruction.opcode.name) {
      case "ld_imm64":
        this.regs[d] = instruction.imm;
        this.regs[d + 1] = instruction.high;
        return;
      case "ld_map":
      case "ld_map_value":
        this.#mapPointer(instruction);
        return;
      case "ld_func":
        this.#functionPointer(instruction);
        return;
      default:
        this.fault("only a kernel knows what this loads");
    }
  }

  /** Leaves pc before the next instruction; true when the frame at `depth` has ended. */
  #jump(instruction: Instruction, depth: number): boolean {
    const { regs } = this;
    const { opcode, imm, off } = instruction;
    const { code } = opcode;
    const is64 = (code & 7) === BPF_JMP;
    switch (code & 0xf0) {
      case BPF_JMP_OP.BPF_JA:
        this.#pc += is64 ? off : imm;
        return false;
      case BPF_JMP_OP.BPF_JCOND:
        if (this.#loopsLeft-- <= 0) this.#pc += off;
        return false;
      case BPF_JMP_OP.BPF_CALL:
        this.#call(instruction);
        return false;
      case BPF_JMP_OP.BPF_EXIT: {
        if (this.#frames.length === depth && depth === 0) return true;
        const frame = this.#frames.pop()!;
        regs.set(frame.saved, R6);
        this.setPointer(R10, { region: this.#stack(this.#frames.length), offset: BPF_LIMIT.MAX_BPF_STACK });
        this.#loseArguments();
        this.#executable = frame.executable;
        this.#pc = frame.returnTo;
        return this.#frames.length < depth;
      }
    }
    const isRegister = (code & 8) !== 0;
    const al = regs[instruction.dst * 2]!;
    const bl = isRegister ? regs[instruction.src * 2]! : imm;
    const ah = is64 ? regs[instruction.dst * 2 + 1]! : al >> 31;
    const bh = is64 ? (isRegister ? regs[instruction.src * 2 + 1]! : imm >> 31) : bl >> 31;
    if (compare(code & 0xf0, al, ah, bl, bh)) this.#pc += off;
    return false;
  }

  #call(instruction: Instruction): void {
    if (instruction.opcode.name === "call") {
      this.#pushFrame(this.#pc);
      this.#pc += instruction.imm;
      return;
    }
    const isKfunc = instruction.opcode.name === "call_kfunc";
    const name = isKfunc ? (instruction.symbol ?? `#${instruction.imm}`) : instruction.imm;
    const call = isKfunc ? KFUNCS[name] : BPF_HELPERS[instruction.imm];
    if (call === undefined) this.fault(`the interpreter has no ${isKfunc ? "kfunc" : "helper"} ${name}`);
    call(this);
    this.#loseArguments();
    if (this.#pc < 0) this.#setContext();
  }

  #loseArguments(): void {
    this.regs.fill(LOST, 2, R6);
  }
}

const sizeOf = (code: number): number => {
  const size = code & 0x18;
  return size === BPF_B ? 1 : size === BPF_H ? 2 : size === BPF_W ? 4 : 8;
};

/** An address with a signed offset added. */
function offset(low: number, high: number, by: number): { low: number; high: number } {
  const sum = (low >>> 0) + by;
  return { low: sum | 0, high: sum < 0 ? high - 1 : sum > 0xffffffff ? high + 1 : high };
}

function write(view: DataView, at: number, code: number, low: number, high: number): void {
  switch (code & 0x18) {
    case BPF_B:
      view.setInt8(at, low);
      return;
    case BPF_H:
      view.setInt16(at, low, true);
      return;
    case BPF_W:
      view.setInt32(at, low, true);
      return;
    default:
      view.setInt32(at, low, true);
      view.setInt32(at + 4, high, true);
  }
}
