/**
 * What helpers (by number) and kernel functions (by name) do in the interpreter. Arguments are r1..r5 of the machine,
 * results go to r0. A dynptr is 16 bytes on the stack here as there: an address, a size, an offset.
 */

import { BPF_FUNC, BPF_LIMIT } from "../uapi/bpf.ts";
import { ERRNO } from "../uapi/errno.ts";
import type { Machine } from "./interpret.ts";
import { RingBufferMap } from "./maps.ts";
import { ORIGIN, type Place, type Region } from "./memory.ts";

type Call = (machine: Machine) => void;

/** The kernel takes no packet offsets and lengths beyond this. */
const INT_MAX = 0x7fffffff;

const keyOf = (machine: Machine): Uint8Array =>
  machine.argumentBytes(2, machine.argumentMap(1).options.keySize);
const cpuOf = (machine: Machine): number => machine.environment.cpu ?? 0;

function ringBuffer(machine: Machine): RingBufferMap {
  const map = machine.argumentMap(1);
  return map instanceof RingBufferMap ? map : machine.fault("r1 is no ring buffer");
}

/** The record that r1 points to the start of. */
function recordOf(machine: Machine): { region: Region; map: RingBufferMap } {
  const { region, offset } = machine.resolve(machine.regs[2]!, machine.regs[3]!, 0, false);
  const map = machine.records.get(region);
  if (map === undefined || offset !== 0) return machine.fault("r1 is no reserved record");
  machine.records.delete(region);
  return { region, map };
}

/** Of a kernel with 250 ticks a second. */
const TICK_NS = 4_000_000;

function time(machine: Machine): void {
  machine.setResult(machine.environment.now?.() ?? 0);
}

/** By number. */
export const BPF_HELPERS: Readonly<Record<number, Call>> = {
  [BPF_FUNC.BPF_FUNC_map_lookup_elem](machine) {
    const value = machine.argumentMap(1).lookup(keyOf(machine), cpuOf(machine));
    machine.setResultPointer(value && { region: value, offset: 0 });
  },
  [BPF_FUNC.BPF_FUNC_map_update_elem](machine) {
    const map = machine.argumentMap(1);
    const value = machine.argumentBytes(3, map.options.valueSize);
    machine.setResult(map.update(keyOf(machine), value, machine.argument(4), cpuOf(machine)));
  },
  [BPF_FUNC.BPF_FUNC_map_delete_elem](machine) {
    machine.setResult(machine.argumentMap(1).delete(keyOf(machine)));
  },
  [BPF_FUNC.BPF_FUNC_map_push_elem](machine) {
    const map = machine.argumentMap(1);
    machine.setResult(map.push(machine.argumentBytes(2, map.options.valueSize), machine.argument(3)));
  },
  [BPF_FUNC.BPF_FUNC_map_pop_elem](machine) {
    const map = machine.argumentMap(1);
    machine.setResult(map.take(machine.argumentBytes(2, map.options.valueSize, true), true));
  },
  [BPF_FUNC.BPF_FUNC_map_peek_elem](machine) {
    const map = machine.argumentMap(1);
    machine.setResult(map.take(machine.argumentBytes(2, map.options.valueSize, true), false));
  },
  [BPF_FUNC.BPF_FUNC_ktime_get_ns]: time,
  [BPF_FUNC.BPF_FUNC_ktime_get_boot_ns]: time,
  [BPF_FUNC.BPF_FUNC_ktime_get_tai_ns]: time,
  [BPF_FUNC.BPF_FUNC_jiffies64](machine) {
    machine.setResult(Math.floor((machine.environment.now?.() ?? 0) / TICK_NS));
  },
  [BPF_FUNC.BPF_FUNC_get_prandom_u32](machine) {
    machine.setResult((machine.environment.random?.() ?? 0) >>> 0);
  },
  [BPF_FUNC.BPF_FUNC_get_smp_processor_id](machine) {
    machine.setResult(cpuOf(machine));
  },
  [BPF_FUNC.BPF_FUNC_tail_call](machine) {
    if (!machine.tailCall(machine.argumentMap(2), machine.argument(3))) machine.setResult(-ERRNO.ENOENT);
  },
  [BPF_FUNC.BPF_FUNC_skb_load_bytes](machine) {
    const { packet } = machine.environment;
    const from = machine.argument(2);
    const size = machine.argument(4);
    const target = machine.argumentBytes(3, size, true);
    if (packet === undefined || from > INT_MAX || from + size > packet.bytes.length) {
      target.fill(0);
      return machine.setResult(-ERRNO.EFAULT);
    }
    target.set(packet.bytes.subarray(from, from + size));
    machine.setResult(0);
  },
  [BPF_FUNC.BPF_FUNC_xdp_store_bytes](machine) {
    const { packet } = machine.environment;
    const to = machine.argument(2);
    const size = machine.argument(4);
    const source = machine.argumentBytes(3, size);
    if (packet === undefined || to + size > packet.bytes.length) return machine.setResult(-ERRNO.EINVAL);
    packet.bytes.set(source, to);
    machine.setResult(0);
  },
  // For what is not there the kernel gives zeros, so that a program may pass an address that it has no use for. One
  // that only just misses something is a finding here.
  [BPF_FUNC.BPF_FUNC_probe_read_kernel](machine) {
    const size = machine.argument(2);
    const target = machine.argumentBytes(1, size, true);
    if (machine.memory.find(machine.regs[7]!) === undefined) {
      target.fill(0);
      return machine.setResult(size === 0 ? 0 : -ERRNO.EFAULT);
    }
    target.set(machine.argumentBytes(3, size));
    machine.setResult(0);
  },
  // One processor runs one program at a time here: nobody else can hold the lock.
  [BPF_FUNC.BPF_FUNC_spin_lock]: (machine) => void machine.argumentBytes(1, 4, true),
  [BPF_FUNC.BPF_FUNC_spin_unlock]: (machine) => void machine.argumentBytes(1, 4, true),
  [BPF_FUNC.BPF_FUNC_ringbuf_output](machine) {
    machine.setResult(ringBuffer(machine).output(machine.argumentBytes(2, machine.argument(3))));
  },
  [BPF_FUNC.BPF_FUNC_ringbuf_reserve](machine) {
    const map = ringBuffer(machine);
    const region = map.reserve(machine.argument(2));
    if (region) machine.records.set(region, map);
    machine.setResultPointer(region && { region, offset: 0 });
  },
  [BPF_FUNC.BPF_FUNC_ringbuf_submit](machine) {
    const { map, region } = recordOf(machine);
    map.submit(region);
  },
  [BPF_FUNC.BPF_FUNC_ringbuf_discard](machine) {
    recordOf(machine);
  },
  [BPF_FUNC.BPF_FUNC_loop](machine) {
    const trips = machine.argument(1);
    if (machine.argument(4) !== 0) return machine.setResult(-ERRNO.EINVAL);
    if (trips > BPF_LIMIT.BPF_MAX_LOOPS) return machine.setResult(-ERRNO.E2BIG);
    const context = [machine.regs[6]!, machine.regs[7]!] as const;
    const callBack = machine.callBack(2);
    let trip = 0;
    while (trip < trips) {
      // The callback returns 0 to go on.
      const result = callBack(trip, context);
      trip++;
      if (result !== 0) break;
    }
    machine.setResult(trip);
  },
  [BPF_FUNC.BPF_FUNC_strncmp](machine) {
    const size = machine.argument(2);
    const first = machine.argumentBytes(1, size);
    let order = 0;
    for (let i = 0; i < size && order === 0; i++) {
      const { region, offset } = machine.resolve(machine.regs[6]! + i, machine.regs[7]!, 1, false);
      order = first[i]! - region.bytes[offset]!;
      if (first[i] === 0) break;
    }
    machine.setResult(order);
  },
  [BPF_FUNC.BPF_FUNC_dynptr_read](machine) {
    const size = machine.argument(2);
    const target = machine.argumentBytes(1, size, true);
    const source = dynptrOf(machine, 3);
    if (source === undefined) return machine.setResult(-ERRNO.EINVAL);
    const from = source.offset + machine.argument(4);
    if (machine.regs[9] !== 0 || machine.argument(4) + size > source.size)
      return machine.setResult(-ERRNO.E2BIG);
    target.set(source.region.bytes.subarray(from, from + size));
    machine.setResult(0);
  },
};

const DYNPTR_BYTES = 16;

interface Dynptr extends Place {
  readonly size: number;
}

/** What the dynptr that argument `n` points to stands for; undefined when making it failed. */
function dynptrOf(machine: Machine, n: number): Dynptr | undefined {
  const bytes = machine.argumentBytes(n, DYNPTR_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const low = view.getInt32(0, true);
  const high = view.getInt32(4, true);
  if ((low | high) === 0) return undefined;
  const size = view.getUint32(8, true);
  return { ...machine.resolve(low, high, size, false), size };
}

/** The start of a packet, or NULL where the kernel would copy: beyond the linear part. */
function slice(machine: Machine): void {
  const source = dynptrOf(machine, 1);
  const from = machine.argument(2);
  const size = machine.argument(4);
  if (source === undefined || machine.regs[5] !== 0 || from + size > source.size) {
    machine.setResultPointer(undefined);
    return;
  }
  const place = { region: source.region, offset: source.offset + from };
  const linear = machine.environment.linearBytes ?? source.size;
  if (from + size <= linear) {
    machine.setResultPointer(place);
    return;
  }
  // The real kernel, given no buffer, answers with a pointer to wrong bytes.
  if ((machine.regs[6]! | machine.regs[7]!) === 0)
    machine.fault("a slice beyond the linear part needs a buffer");
  const buffer = machine.resolve(machine.regs[6]!, machine.regs[7]!, size, true);
  buffer.region.bytes.set(place.region.bytes.subarray(place.offset, place.offset + size), buffer.offset);
  machine.setResultPointer(buffer);
}

/** r0 = r1. */
function identity(machine: Machine): void {
  machine.regs[0] = machine.regs[2]!;
  machine.regs[1] = machine.regs[3]!;
}

const ITERATOR_BYTES = 8;

/** By name; a program whose kernel functions are BTF ids cannot be interpreted. */
export const KFUNCS: Readonly<Record<string, Call>> = {
  bpf_dynptr_from_skb(machine) {
    const { packet } = machine.environment;
    const bytes = machine.argumentBytes(3, DYNPTR_BYTES, true).fill(0);
    if (machine.argument(2) !== 0 || packet === undefined) return machine.setResult(-ERRNO.EINVAL);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    view.setInt32(0, ORIGIN, true);
    view.setInt32(4, machine.memory.numberOf(packet), true);
    view.setUint32(8, packet.bytes.length, true);
    machine.setResult(0);
  },
  bpf_dynptr_slice: slice,
  bpf_dynptr_size(machine) {
    machine.setResult(dynptrOf(machine, 1)?.size ?? -ERRNO.EINVAL);
  },
  bpf_rdonly_cast: identity,
  bpf_cast_to_kern_ctx: identity,
  bpf_iter_num_new(machine) {
    const bytes = machine.argumentBytes(1, ITERATOR_BYTES, true);
    const start = machine.regs[4]!;
    const end = machine.regs[6]!;
    bytes.fill(0);
    if (start > end) return machine.setResult(-ERRNO.EINVAL);
    if (end - start > BPF_LIMIT.BPF_MAX_LOOPS) return machine.setResult(-ERRNO.E2BIG);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // As in the kernel the current number is the one before the next.
    view.setInt32(0, start - 1, true);
    view.setInt32(4, end, true);
    machine.setResult(0);
  },
  bpf_iter_num_next(machine) {
    const { region, offset } = machine.resolve(machine.regs[2]!, machine.regs[3]!, ITERATOR_BYTES, true);
    const next = region.view.getInt32(offset, true) + 1;
    if (next >= region.view.getInt32(offset + 4, true)) return machine.setResultPointer(undefined);
    region.view.setInt32(offset, next, true);
    machine.setResultPointer({ region, offset });
  },
  bpf_iter_num_destroy(machine) {
    machine.argumentBytes(1, ITERATOR_BYTES, true).fill(0);
  },
};
