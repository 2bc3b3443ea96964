/**
 * The hooks of a script, sorted into stations: all hooks of one hook point and priority, whatever their family. Rules
 * and queues are per station; within one the kernel's own order holds (kernel/hooks.ts).
 */

import { HookRefused, HookTable } from "../kernel/hooks.ts";
import type { HookRegistration } from "../kernel/kernel.ts";
import type { Skb } from "../kernel/skb.ts";
import { NFPROTO } from "../uapi/netfilter.ts";

const { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } = NFPROTO;

export class Station {
  readonly hooknum: number;
  readonly priority: number;
  readonly #table = new HookTable();
  readonly #hooks = new Set<HookRegistration>();

  constructor(hooknum: number, priority: number) {
    this.hooknum = hooknum;
    this.priority = priority;
  }

  get isEmpty(): boolean {
    return this.#hooks.size === 0;
  }

  /** The one family that all hooks want, or NFPROTO_INET. */
  get family(): number {
    const families = new Set([...this.#hooks].map(({ pf }) => pf));
    return families.size === 1 ? [...families][0]! : NFPROTO_INET;
  }

  /** The marks that hooks ask for: a packet with any other passes them all. */
  get marks(): number[] {
    return [...new Set([...this.#hooks].map(({ mark }) => mark))];
  }

  /** Throws `HookRefused`. */
  add(hook: HookRegistration): () => void {
    const remove = this.#table.register(hook);
    this.#hooks.add(hook);
    return () => {
      remove();
      this.#hooks.delete(hook);
    };
  }

  /** Whether a packet of this family and mark meets a hook here. */
  concerns(family: number, mark: number): boolean {
    for (const hook of this.#hooks) {
      if (hook.mark === mark && (hook.pf === NFPROTO_INET || hook.pf === family)) return true;
    }
    return false;
  }

  /** NF_ACCEPT, NF_DROP, NF_QUEUE or NF_STOLEN. */
  run(family: number, skb: Skb): number {
    return this.#table.run(family, this.hooknum, skb);
  }
}

/** Where `netfilter.register` puts hooks. Rules follow when the script has loaded; later ones would never run. */
export class Stations {
  readonly #stations: Station[] = [];
  readonly #hooks: HookRegistration[] = [];
  #armed = false;

  register(hook: HookRegistration): () => void {
    if (this.#armed)
      throw new HookRefused("EOPNOTSUPP", "hooks can be registered only while the script loads");
    if (![NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6].includes(hook.pf as 1 | 2 | 10)) {
      throw new HookRefused(
        "EOPNOTSUPP",
        `protocol family ${hook.pf} cannot be queued, only IPv4, IPv6 and INET`,
      );
    }
    let station = this.#stations.find(
      ({ hooknum, priority }) => hooknum === hook.hooknum && priority === hook.priority,
    );
    if (station === undefined) {
      station = new Station(hook.hooknum, hook.priority);
      this.#stations.push(station);
    }
    this.#hooks.push(hook);
    return station.add(hook);
  }

  /** A station for each of these hooks alone, which are numbered as they were registered. */
  alone(numbers: readonly number[]): Station[] {
    this.#armed = true;
    return numbers.map((number) => {
      const hook = this.#hooks[number]!;
      const station = new Station(hook.hooknum, hook.priority);
      station.add(hook);
      return station;
    });
  }

  /** The stations that have hooks; from now on none can be added. */
  arm(): Station[] {
    this.#armed = true;
    return this.#stations.filter((station) => !station.isEmpty);
  }
}
