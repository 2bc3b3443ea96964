/** What a function of the SSA form does, word for word and with BigInt: tests hold the generated programs against it. */

import { BPF_FUNC } from "../../uapi/bpf.ts";
import { assert } from "../../util/assert.ts";
import {
  type BinaryOperation,
  type Block,
  type Comparison,
  type Edge,
  type Instruction,
  type IrFunction,
  type Operand,
  type StackSlot,
  Value,
} from "../ir.ts";

/** An address is a number far from all others: its region above bit 40. */
const ADDRESS = 1n << 60n;
const REGION_SHIFT = 40n;

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

const BINARY: { readonly [K in BinaryOperation]: (a: bigint, b: bigint) => bigint } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  lsh: (a, b) => a << (b & 63n),
  rsh: (a, b) => unsigned(a) >> (b & 63n),
  arsh: (a, b) => a >> (b & 63n),
  div: (a, b) => (b === 0n ? 0n : unsigned(a) / unsigned(b)),
  mod: (a, b) => (b === 0n ? a : unsigned(a) % unsigned(b)),
  sdiv: (a, b) => (b === 0n ? 0n : a / b),
  smod: (a, b) => (b === 0n ? a : a % b),
};

const COMPARE: { readonly [K in Comparison]: (a: bigint, b: bigint) => boolean } = {
  jeq: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jgt: (a, b) => unsigned(a) > unsigned(b),
  jge: (a, b) => unsigned(a) >= unsigned(b),
  jlt: (a, b) => unsigned(a) < unsigned(b),
  jle: (a, b) => unsigned(a) <= unsigned(b),
  jsgt: (a, b) => a > b,
  jsge: (a, b) => a >= b,
  jslt: (a, b) => a < b,
  jsle: (a, b) => a <= b,
  jset: (a, b) => (a & b) !== 0n,
};

const swap = (value: bigint, bits: number): bigint => {
  let result = 0n;
  for (let bit = 0; bit < bits; bit += 8)
    result |= ((value >> BigInt(bit)) & 0xffn) << BigInt(bits - 8 - bit);
  return result;
};

/** Runs a function on the value of array maps, by name; gives what it returns, signed. */
export function evaluateIr(ir: IrFunction, maps: Readonly<Record<string, Uint8Array>>): bigint {
  return new Evaluator(maps).run(ir);
}

class Evaluator {
  readonly #maps: Readonly<Record<string, Uint8Array>>;
  readonly #names: string[];
  readonly #regions: Uint8Array[];
  readonly #slots = new Map<StackSlot, number>();
  readonly #values = new Map<Value, bigint>();

  constructor(maps: Readonly<Record<string, Uint8Array>>) {
    this.#maps = maps;
    this.#names = Object.keys(maps);
    this.#regions = Object.values(maps);
  }

  run(ir: IrFunction): bigint {
    let block = ir.entry;
    for (const parameter of block.parameters) this.#values.set(parameter, 0n);
    for (;;) {
      for (const instruction of block.instructions) {
        const result = this.#step(instruction);
        if (instruction.result) this.#values.set(instruction.result, signed(result));
      }
      const end = block.terminator!;
      switch (end.op) {
        case "jump":
          block = this.#follow(end.to);
          break;
        case "branch": {
          const holds = COMPARE[end.comparison](this.#get(end.left), this.#get(end.right));
          block = this.#follow(holds ? end.then : end.otherwise);
          break;
        }
        case "mayGoto":
          block = this.#follow(end.next);
          break;
        case "return":
          return this.#get(end.value);
      }
    }
  }

  #get(operand: Operand): bigint {
    if (!(operand instanceof Value)) return operand;
    const value = this.#values.get(operand);
    assert(value !== undefined, `v${operand.id} is read before it is set`);
    return value;
  }

  #follow({ target, args }: Edge): Block {
    const values = args.map((operand) => this.#get(operand));
    assert(values.length === target.parameters.length, `block ${target.id} gets the wrong arguments`);
    for (const [index, parameter] of target.parameters.entries()) this.#values.set(parameter, values[index]!);
    return target;
  }

  #address(region: number, offset: number): bigint {
    return ADDRESS + (BigInt(region) << REGION_SHIFT) + BigInt(offset);
  }

  #view(address: bigint, size: number): { view: DataView; at: number } {
    const bytes = this.#regions[Number((address - ADDRESS) >> REGION_SHIFT)];
    assert(bytes !== undefined, `0x${address.toString(16)} is no address`);
    const at = Number(BigInt.asUintN(Number(REGION_SHIFT), address));
    assert(at + size <= bytes.length, `offset ${at} is outside of ${bytes.length} bytes`);
    return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at };
  }

  #load(address: bigint, size: number): bigint {
    const { view, at } = this.#view(address, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
    return value;
  }

  #store(address: bigint, size: number, value: bigint): void {
    const { view, at } = this.#view(address, size);
    for (let i = 0; i < size; i++) view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }

  #step(instruction: Instruction): bigint {
    switch (instruction.op) {
      case "binary":
        return BINARY[instruction.operation](this.#get(instruction.left), this.#get(instruction.right));
      case "negate":
        return -this.#get(instruction.operand);
      case "swap":
        return swap(this.#get(instruction.operand), instruction.bits);
      case "load":
        return this.#load(this.#get(instruction.from) + BigInt(instruction.offset), instruction.size);
      case "store": {
        const value = this.#get(instruction.value);
        this.#store(this.#get(instruction.to) + BigInt(instruction.offset), instruction.size, value);
        return 0n;
      }
      case "atomicAdd": {
        const address = this.#get(instruction.to) + BigInt(instruction.offset);
        const sum = this.#load(address, instruction.size) + this.#get(instruction.value);
        this.#store(address, instruction.size, sum);
        return 0n;
      }
      case "exchange": {
        const address = this.#get(instruction.to) + BigInt(instruction.offset);
        const before = this.#load(address, 8);
        this.#store(address, 8, this.#get(instruction.value));
        return before;
      }
      case "stackAddress": {
        let region = this.#slots.get(instruction.slot);
        if (region === undefined) {
          region = this.#regions.push(new Uint8Array(instruction.slot.sizeBytes)) - 1;
          this.#slots.set(instruction.slot, region);
        }
        return this.#address(region, 0);
      }
      case "map":
        return BigInt(this.#names.indexOf(instruction.symbol));
      case "mapValue":
        return this.#address(this.#names.indexOf(instruction.symbol), instruction.offset);
      case "helper":
        return this.#helper(
          instruction.helper,
          instruction.args.map((operand) => this.#get(operand)),
        );
      case "kfunc":
        return assert(false, `no kfunc ${instruction.name} here`) as never;
    }
  }

  #helper(helper: number, args: readonly bigint[]): bigint {
    switch (helper) {
      case BPF_FUNC.BPF_FUNC_get_smp_processor_id:
      case BPF_FUNC.BPF_FUNC_ktime_get_ns:
        return 0n;
      case BPF_FUNC.BPF_FUNC_map_lookup_elem: {
        // Array maps of one element.
        const key = this.#load(args[1]!, 4);
        assert(this.#maps[this.#names[Number(args[0]!)]!] !== undefined, "the first argument is no map");
        return key === 0n ? this.#address(Number(args[0]!), 0) : 0n;
      }
      default:
        return assert(false, `no helper ${helper} here`) as never;
    }
  }
}
