/**
 * Lua module `xdp`: one function of a script on the frames that come in through devices, before the stack sees them.
 *
 * Differences from Lunatik: no program in C stands between, so that `argument` is empty, a frame whose function fails
 * passes, and so does one with a verdict that nothing is left to carry out: REDIRECT, and what is none.
 */

import { Data } from "../kernel/data.ts";
import type { Skb } from "../kernel/skb.ts";
import type { XdpProgram } from "../kernel/xdp.ts";
import { low } from "../lua/int64.ts";
import type { LuaFunction, LuaUserdata, LuaValue } from "../lua/value.ts";
import { XDP } from "../uapi/bpf.ts";
import { dataClass } from "./data.ts";
import { arg, defineModule, type Environment, fn, returns } from "./define.ts";
import { failure, toIntegerOrZero } from "./raise.ts";

/** What one runtime has attached, and how it is taken back. */
const attached = new WeakMap<Environment, () => void>();

class XdpCallback implements XdpProgram {
  readonly callback: LuaFunction;
  readonly #env: Environment;
  readonly #frame: LuaUserdata<Data>;
  readonly #argument: LuaUserdata<Data>;

  constructor(env: Environment, callback: LuaFunction) {
    this.#env = env;
    this.callback = callback;
    this.#frame = dataClass.wrap(env, Data.window());
    this.#argument = dataClass.wrap(env, Data.window());
  }

  run(frame: Skb): number {
    if (!this.#env.ready) return XDP.XDP_PASS;
    const view = this.#frame.object;
    const start = frame.macOffset ?? frame.netOffset;
    view.written = false;
    view.aim(frame.bytes, start, frame.netOffset + frame.length - start);
    try {
      const result = this.#env.state.call(this.callback, this.#frame, this.#argument);
      const verdict = low(toIntegerOrZero(Array.isArray(result) ? (result[0] as LuaValue) : result));
      if (verdict < XDP.XDP_ABORTED || verdict > XDP.XDP_TX)
        throw `xdp: the frame passes, for ${verdict} is no verdict`;
      return verdict;
    } catch (error) {
      this.#env.callbackFailed(error);
      return XDP.XDP_PASS;
    } finally {
      if (view.written) frame.modified = true;
      view.empty();
    }
  }
}

function detach(env: Environment): void {
  attached.get(env)?.();
  attached.delete(env);
}

/** What a callback takes, and to attach one. */
const CALLBACK_BYTES = 1024;
const CALLBACK_ROUNDS = 100;

function attach(env: Environment, callback: LuaValue): void {
  const { state } = env;
  state.charge(CALLBACK_BYTES);
  state.spend(CALLBACK_ROUNDS);
  if (!env.claimContext("softirq")) throw failure("runtime context mismatch");
  detach(env);
  try {
    attached.set(env, env.kernel.registerXdp(new XdpCallback(env, callback as LuaFunction)));
  } catch (cause) {
    throw failure("unable to attach", cause);
  }
  env.onStop(() => detach(env));
}

export const xdp = defineModule("xdp", {
  doc: "One function of the script on the frames that come in through devices (`--xdp DEV,…`), before the stack sees them.",
  functions: {
    attach: fn(
      "Runs `fn(packet, argument)` → int for each frame, instead of a function attached before. `packet` is a data view of the frame from its link header on, which may be written, during the call; `argument` a view of 0 bytes. The result is a verdict (`linux.xdp`): `ABORTED`, `DROP`, `PASS`, or `TX` (back through the device); of no result and what is no integer it is `ABORTED`. With others, and after an error, the frame passes, and a line of the log says so. Errors: `runtime context mismatch`, `unable to attach`.",
      [arg.function("fn")],
      returns(),
      (callback, env) => {
        attach(env, callback);
        return undefined;
      },
    ),
    detach: fn("Ends that.", [], returns(), (env) => {
      detach(env);
      return undefined;
    }),
  },
});
