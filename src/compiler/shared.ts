/**
 * What is learnt while the hooks of a script are compiled, and holds for all of them: which variables and tables hooks
 * change, what programs need at their start. An attempt that learns something ends (`Restart`), and all hooks are
 * compiled anew with it; nothing is ever unlearnt, so that this ends.
 */

import { Kinds } from "./abstract.ts";
import { Restart } from "./control.ts";
import { CannotCompile, type Refusal } from "./diagnostics.ts";
import type { EventSite } from "./events.ts";
import type { RopeSite } from "./ropes.ts";
import { SharedTables } from "./shared-tables.ts";
import { StateModel } from "./state-classes.ts";
import type { MapSpec } from "./target.ts";

/** What a program sets up before the hook's own code. */
export type Need =
  | "scratch"
  | "window"
  | "budget"
  | "lock"
  | "rodata"
  | "strings"
  /** Packets are changed; changed in length; copied or sent. */
  | "writes"
  | "resize"
  | "frames";

export class Shared {
  readonly kinds = new Kinds();
  readonly state = new StateModel(this.kinds, (text) => this.intern(text));
  readonly sharedTables = new SharedTables();
  readonly needs = new Set<Need>();
  /** Bytes of zeros that follow every built string, so that the end of one is a key as it stands. */
  keyPadding = 0;
  readonly sites: EventSite[] = [];
  readonly refusals: Refusal[] = [];
  /** Of the ring in map `strings`. */
  readonly ringBytes: number;
  /** Constant strings in memory. */
  #rodata = "";

  constructor(ringBytes: number) {
    this.ringBytes = ringBytes;
  }

  /** A new attempt: what only describes the programs of the last one is gone. */
  begin(): void {
    this.sites.length = 0;
    this.refusals.length = 0;
  }

  /** Whether something is known; learns it and starts again if not. */
  require(need: Need): void {
    if (this.needs.has(need)) return;
    this.needs.add(need);
    throw new Restart(`needs ${need}`);
  }

  requirePadding(bytes: number): void {
    if (bytes <= this.keyPadding) return;
    this.keyPadding = bytes;
    throw new Restart(`keys of ${bytes} bytes`);
  }

  /** The place of a constant string. */
  intern(text: string): number {
    const at = this.#rodata.indexOf(text);
    if (at >= 0) return at;
    this.#rodata += text;
    return this.#rodata.length - text.length;
  }

  readonly #ropes = new Map<object, RopeSite>();

  /** What is known of a list that an expression makes, if it is one that is only joined. */
  ropeOf(site: object): RopeSite | undefined {
    return this.#ropes.get(site);
  }

  learnRope(site: object): never {
    this.#ropes.set(site, { separator: undefined });
    throw new Restart("a list is joined");
  }

  learnSeparator(site: RopeSite, separator: string): void {
    if (site.separator === separator) return;
    const isNew = site.separator === undefined;
    site.separator ??= separator;
    if (!isNew) throw new CannotCompile(undefined, "a list that is joined in two ways", "make two lists");
    throw new Restart("a separator");
  }

  readonly #constantMaps = new Map<object, Map<string, MapSpec>>();

  /** The map for the keys of one type of what no hook changes, made when first asked for. */
  constantMap(owner: object, type: string, make: () => Omit<MapSpec, "name">): string {
    let maps = this.#constantMaps.get(owner);
    if (maps === undefined) {
      maps = new Map();
      this.#constantMaps.set(owner, maps);
    }
    let spec = maps.get(type);
    if (spec === undefined) {
      spec = { name: `table${this.maps.length}`, ...make() };
      maps.set(type, spec);
      this.maps.push(spec);
    }
    return spec.name;
  }

  readonly maps: MapSpec[] = [];

  get rodata(): string {
    return this.#rodata;
  }
}
