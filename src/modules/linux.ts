/**
 * Lua module `linux`: clock, random numbers, devices, and small services of the kernel.
 *
 * Difference from Lunatik: `linux.lookup` knows no symbols, since no script here runs inside the kernel; it always
 * returns the NULL that means "unknown".
 */

import { fromBigInt, MAX_SAFE, sub, toBigInt, toNumber } from "../lua/int64.ts";
import { type LuaInteger, LuaLightUserdata } from "../lua/value.ts";
import { ERRNO } from "../uapi/errno.ts";
import { TASK } from "../uapi/sched.ts";
import { latin1FromBytes } from "../util/latin1.ts";
import { byteorderFunctions } from "./byteorder.ts";
import { constantsOf } from "./constants.ts";
import { arg, defineModule, type Environment, fn, returns } from "./define.ts";
import { argError, asIntegerArgument, failure } from "./raise.ts";

const late = (name: string) => arg.late(arg.optional(arg.int(name), undefined, "none"));
const MAX_INTEGER = 2n ** 63n - 1n;
const NULL = new LuaLightUserdata(0n);

/** Task states in which a sleep is a sleep. */
const SLEEP_STATES: readonly number[] = [
  TASK.TASK_INTERRUPTIBLE,
  TASK.TASK_UNINTERRUPTIBLE,
  TASK.TASK_KILLABLE,
  TASK.TASK_IDLE,
];

const errnoNames = new Map<number, string>();
for (const [name, code] of Object.entries(ERRNO)) if (!errnoNames.has(code)) errnoNames.set(code, name);

/** Whether each runtime has tracing on. */
const tracing = new WeakMap<Environment, boolean>();

export const linux = defineModule("linux", {
  doc: "Services of the kernel.",
  functions: {
    random: fn(
      "A random integer: of all 64 bits, in [1, m], or in [m, n]. Errors: `interval is empty`, `interval too large`, `wrong number of arguments`.",
      [late("m"), late("n")],
      returns.int,
      (first, second, env, given) => {
        if (given === 0) return fromBigInt(env.kernel.random64());
        if (given > 2) throw failure("wrong number of arguments");
        const m = asIntegerArgument(first, 1, true);
        return given === 1
          ? between(env, 1n, toBigInt(m), 1)
          : between(env, toBigInt(m), toBigInt(asIntegerArgument(second, 2, true)), 2);
      },
    ),
    schedule: fn(
      "Sleeps, and returns the milliseconds that remained. Only where sleeping is possible: while the script loads, or in a process runtime. Error: `invalid task state`.",
      [
        arg.optional(arg.size("ms"), undefined, "for ever"),
        arg.optional(arg.size("state"), TASK.TASK_INTERRUPTIBLE, "1"),
      ],
      returns.int,
      (ms, state, env) => {
        if (!SLEEP_STATES.includes(state)) throw argError(2, "invalid task state");
        if (!env.maySleep) throw failure("cannot sleep in this context");
        if (!env.kernel.sleep) throw failure("cannot sleep in this kernel");
        // Nothing here can wake a task, so a sleep without end would be a hang.
        if (ms === undefined || ms < 0 || ms > MAX_SAFE) throw failure("cannot sleep for ever");
        env.kernel.sleep(ms);
        return 0;
      },
    ),
    tracing: fn(
      "Whether tracing is on, after switching it if an argument is given.",
      [arg.optional(arg.truth("enable"), false, "only read")],
      returns("boolean"),
      (enable, env, given) => {
        if (given > 0) tracing.set(env, enable);
        return tracing.get(env) ?? false;
      },
    ),
    time: fn("Nanoseconds since the epoch.", [], returns.int, (env) => fromBigInt(env.kernel.nowNs())),
    difftime: fn("`t2 - t1` modulo 2^64.", [arg.int("t2"), arg.int("t1")], returns.int, (t2, t1) =>
      sub(t2, t1),
    ),
    lookup: fn(
      "The address of a kernel symbol; a NULL light userdata when unknown.",
      [arg.string("name")],
      returns("light userdata"),
      () => NULL,
    ),
    ifindex: fn(
      "Index of a network device. Error: `device not found`.",
      [arg.string("name")],
      returns.int,
      (name, env) => {
        const index = env.kernel.ifindex(name);
        if (index === undefined) throw argError(1, "device not found");
        return index;
      },
    ),
    ifaddr: fn(
      "Hardware address of a network device, as raw bytes. Error: `device not found`.",
      [arg.size("index")],
      returns("string"),
      (index, env) => {
        const bytes = env.kernel.hardwareAddress(index);
        if (!bytes) throw argError(1, "device not found");
        return latin1FromBytes(bytes);
      },
    ),
    errname: fn(
      "The symbolic name of an error number of either sign, or `unknown`.",
      [arg.int("n")],
      returns("string"),
      (n) => {
        const code = Math.abs(toNumber(n));
        return errnoNames.get(code) ?? "unknown";
      },
    ),
    numcpus: fn("Number of possible CPU ids.", [], returns.int, (env) => env.kernel.cpuCount()),
    ...Object.fromEntries(
      Object.entries(byteorderFunctions).map(([name, row]) => [
        name,
        { ...row, flags: { legacy: `byteorder.${name}` } },
      ]),
    ),
  },
  // Where scripts found them before the generated modules existed.
  constants: { stat: constantsOf("linux.stat"), task: constantsOf("linux.task") },
});

function between(env: Environment, least: bigint, most: bigint, position: number): LuaInteger {
  if (least > most) throw argError(position, "interval is empty");
  const span = most - least;
  if (span > MAX_INTEGER) throw argError(position, "interval too large");
  return fromBigInt(least + (env.kernel.random64() % (span + 1n)));
}
