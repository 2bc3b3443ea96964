/**
 * bpf(2): maps and programs. Descriptors are closed with `close` (ffi.ts) or, if forgotten, by the kernel when the
 * process ends; nothing here pins anything.
 */

import { BPF_CMD } from "../uapi/bpf.ts";
import type { Fields, Struct, StructValue } from "../wire/struct.ts";
import { map_create, map_elem, prog_load, test_run } from "./bpf-attributes.ts";
import { ErrnoError } from "./errors.ts";
import * as ffi from "./ffi.ts";

/** Memory that a system call reads or writes by address; alive until `release`. */
class CallMemory {
  readonly #kept: Uint8Array[] = [];

  /** Zeroed memory. */
  reserve(sizeBytes: number): { bytes: Uint8Array; address: bigint } {
    // An address of nothing must still be one.
    const bytes = ffi.allocate(Math.max(sizeBytes, 8));
    this.#kept.push(bytes);
    return { bytes, address: BigInt(ffi.addressOf(bytes)) };
  }

  /** The address of a copy. */
  put(bytes: Uint8Array): bigint {
    const { bytes: memory, address } = this.reserve(bytes.length);
    memory.set(bytes);
    return address;
  }

  /** Until here the garbage collector leaves everything alone. */
  release(): void {
    this.#kept.length = 0;
  }
}

type Command = keyof typeof BPF_CMD;

/** Makes the call; gives its result and the attribute as the kernel left it. */
function call<F extends Fields>(
  command: Command,
  object: string,
  attribute: Struct<F>,
  fill: (memory: CallMemory) => Partial<StructValue<F>>,
): { result: number; attribute: StructValue<F> } {
  const memory = new CallMemory();
  const { bytes, address } = memory.reserve(attribute.size);
  attribute.write(bytes, 0, fill(memory));
  const result = ffi.bpf(BPF_CMD[command], Number(address), attribute.size, command, object);
  const answer = attribute.decode(bytes);
  memory.release();
  return { result, attribute: answer };
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Names of the kernel: 15 letters, digits, `_` and `.`. */
function objectName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(ascii(name.replace(/[^\w.]/g, "_").slice(0, 15)));
  return bytes;
}

export interface KernelMapOptions {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

/** Creates a map; the result is its descriptor. */
export function createKernelMap(options: KernelMapOptions): number {
  return call("BPF_MAP_CREATE", `map '${options.name}'`, map_create, () => ({
    map_type: options.type,
    key_size: options.keySize,
    value_size: options.valueSize,
    max_entries: options.maxEntries,
    map_flags: options.flags ?? 0,
    map_name: objectName(options.name),
  })).result;
}

function element(
  command: Command,
  fd: number,
  key: Uint8Array | undefined,
  value: (memory: CallMemory) => bigint,
  flags = 0,
): void {
  call(command, `map ${fd}`, map_elem, (memory) => ({
    map_fd: fd,
    key: key === undefined ? 0n : memory.put(key),
    value: value(memory),
    flags: BigInt(flags),
  }));
}

/** Reads what `command` writes, or undefined when it answers ENOENT. */
function readElement(
  command: Command,
  fd: number,
  key: Uint8Array | undefined,
  sizeBytes: number,
): Uint8Array | undefined {
  let bytes: Uint8Array | undefined;
  try {
    element(command, fd, key, (memory) => {
      const reserved = memory.reserve(sizeBytes);
      bytes = reserved.bytes.subarray(0, sizeBytes);
      return reserved.address;
    });
  } catch (error) {
    if (error instanceof ErrnoError && error.code === "ENOENT") return undefined;
    throw error;
  }
  return bytes;
}

/** A copy of a value. Per-CPU maps give one for each possible processor, in eights of bytes. */
export const lookupElement = (fd: number, key: Uint8Array, valueSize: number): Uint8Array | undefined =>
  readElement("BPF_MAP_LOOKUP_ELEM", fd, key, valueSize);

/** Takes a value out; queues and stacks have no key. */
export const takeElement = (
  fd: number,
  key: Uint8Array | undefined,
  valueSize: number,
): Uint8Array | undefined => readElement("BPF_MAP_LOOKUP_AND_DELETE_ELEM", fd, key, valueSize);

/** Writes a value; `flags` are BPF_ANY, BPF_NOEXIST or BPF_EXIST. Queues and stacks have no key. */
export const updateElement = (
  fd: number,
  key: Uint8Array | undefined,
  value: Uint8Array,
  flags: number,
): void => element("BPF_MAP_UPDATE_ELEM", fd, key, (memory) => memory.put(value), flags);

export const deleteElement = (fd: number, key: Uint8Array): void =>
  element("BPF_MAP_DELETE_ELEM", fd, key, () => 0n);

/** The key after `key`, or the first; undefined behind the last. */
export const nextKey = (fd: number, key: Uint8Array | undefined, keySize: number): Uint8Array | undefined =>
  readElement("BPF_MAP_GET_NEXT_KEY", fd, key, keySize);

export interface ProgramLoadOptions {
  readonly name: string;
  readonly type: number;
  /** Encoded, with the descriptors of its maps. */
  readonly instructions: Uint8Array;
  readonly expectedAttachType?: number;
}

const LOG_BYTES = 4 * 1024 * 1024;
const INSTRUCTION_BYTES = 8;

/**
 * Loads a program; the result is its descriptor. A refusal carries the verifier's whole log as `detail`: it is made
 * by a second attempt, since a log costs more than the loading itself.
 */
export function loadProgram(options: ProgramLoadOptions): number {
  const load = (log?: Uint8Array): number =>
    call("BPF_PROG_LOAD", `program '${options.name}'`, prog_load, (memory) => ({
      prog_type: options.type,
      insn_cnt: options.instructions.length / INSTRUCTION_BYTES,
      insns: memory.put(options.instructions),
      license: memory.put(ascii("GPL\0")),
      prog_name: objectName(options.name),
      expected_attach_type: options.expectedAttachType ?? 0,
      ...(log && { log_level: 1, log_size: log.length, log_buf: BigInt(ffi.addressOf(log)) }),
    })).result;
  try {
    return load();
  } catch (first) {
    if (!(first instanceof ErrnoError)) throw first;
    const log = ffi.allocate(LOG_BYTES);
    try {
      return load(log);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
      throw new ErrnoError(error.code, error.call, error.object, text.trim() || undefined);
    }
  }
}

export interface TestRunResult {
  /** The low half of r0. */
  readonly result: number;
  /** Nanoseconds of one run, on average. */
  readonly durationNs: number;
}

/** Runs a loaded program on a packet. Where the packet begins depends on the type of program. */
export function testRun(fd: number, packet: Uint8Array, repeat = 1): TestRunResult {
  const { attribute } = call("BPF_PROG_TEST_RUN", `program ${fd}`, test_run, (memory) => ({
    prog_fd: fd,
    data_size_in: packet.length,
    data_in: memory.put(packet),
    repeat,
  }));
  return { result: attribute.retval, durationNs: attribute.duration };
}
