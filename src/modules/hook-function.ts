/** A function of a script that a kernel calls with packets, kept in the field `hook` of what was registered. */

import type { Skb } from "../kernel/skb.ts";
import type { LuaTable } from "../lua/table.ts";
import type { LuaFunction, LuaResult, LuaUserdata } from "../lua/value.ts";
import type { Environment } from "./define.ts";
import { readField } from "./raise.ts";
import { SkbHandle, skbClass } from "./skb.ts";

/** What a hook takes, and to register one. */
const HOOK_BYTES = 4096;
const HOOK_ROUNDS = 1000;

export class HookFunction {
  readonly #env: Environment;
  readonly #options: LuaTable;
  readonly #handle: SkbHandle;
  readonly #skb: LuaUserdata<SkbHandle>;

  constructor(env: Environment, options: LuaTable) {
    env.state.charge(HOOK_BYTES);
    env.state.spend(HOOK_ROUNDS);
    this.#env = env;
    this.#options = options;
    this.#handle = SkbHandle.forHook(env);
    this.#skb = skbClass.wrap(env, this.#handle);
  }

  /**
   * What `outcomeOf` makes of the function's results for a packet. It is looked up each time, so replacing it takes
   * effect at once. `otherwise` while the script is not ready, and after an error, which is logged.
   */
  run<T>(skb: Skb, outcomeOf: (result: LuaResult) => T, otherwise: T): T {
    const env = this.#env;
    if (!env.ready) return otherwise;
    this.#handle.attach(skb);
    try {
      const hook = readField(env.state, this.#options, "hook");
      if (typeof hook !== "function") {
        env.callbackFailed("operation not defined");
        return otherwise;
      }
      return outcomeOf(env.state.call(hook as LuaFunction, this.#skb));
    } catch (error) {
      env.callbackFailed(error);
      return otherwise;
    } finally {
      this.#handle.detach();
    }
  }
}
