/**
 * Where the programs of a script run, over its versions: each place has a slot (program-slot.ts). A version that wants
 * what an older one had gets its place by one write, so that each packet meets the old program or the new one. Places
 * that are new are filled before that, and those that nobody wants any more are given up after it.
 */

import type { ProgramForm } from "../compiler/target.ts";
import type { KernelLink, KernelMap, KernelProgram } from "../linux/bpf.ts";
import type { DeviceHook } from "./device-links.ts";
import type { PlacedHook } from "./netfilter-links.ts";
import { emptySlot, loadStub, makeSlot, putIntoSlot } from "./program-slot.ts";

/** What `attach` gives for each link that it made. */
export type Attached = (PlacedHook | DeviceHook) & { readonly link: KernelLink };

/** A program, and where it shall run. */
export interface Wanted {
  /** What tells the place from others of the script; several programs may want the same, and keep their order. */
  readonly key: string;
  /** Of the program, as the kernel shows it. */
  readonly name: string;
  readonly form: ProgramForm["name"];
  readonly program: KernelProgram;
  /** Indices of the devices, when it is for some. */
  readonly devices?: readonly number[];
  /** Runs a program there; it throws, and then leaves nothing behind. A match is asked by whoever finds it. */
  attach?(program: KernelProgram): readonly Attached[];
}

export interface Place {
  /** Its number, which no other place of the script has had. */
  readonly index: number;
  readonly key: string;
  readonly slot: KernelMap;
  readonly links: readonly KernelLink[];
  /** What is attached, where this process has made it. */
  readonly stub?: KernelProgram;
  readonly attached: readonly Attached[];
}

export class Placement {
  /** In the order in which they run. */
  places: readonly Place[];
  #made: number;

  constructor(places: readonly Place[] = []) {
    this.places = places;
    this.#made = Math.max(-1, ...places.map(({ index }) => index)) + 1;
  }

  get attached(): readonly Attached[] {
    return this.places.flatMap(({ attached }) => attached);
  }

  /**
   * Has these programs run, in this order, instead of `before`. `keep` is told the places when they are complete, before
   * a packet of a place that stays meets its new program, and may throw. What throws leaves everything as it was.
   */
  replace(
    wanted: readonly Wanted[],
    before: readonly KernelProgram[],
    keep?: (places: readonly Place[]) => void,
  ): void {
    const known = this.#match(wanted);
    const fresh: Place[] = [];
    const places: Place[] = [];
    try {
      for (const [i, each] of wanted.entries()) {
        const place = known[i] ?? this.#make(each);
        if (known[i] === undefined) fresh.push(place);
        places.push(place);
      }
      keep?.(places);
      for (const [i, place] of places.entries())
        if (known[i] !== undefined) putIntoSlot(place.slot, wanted[i]!.program);
    } catch (error) {
      for (const place of known) {
        const program = place && before[this.places.indexOf(place)];
        if (place && program) putIntoSlot(place.slot, program);
      }
      for (const place of fresh) endPlace(place);
      keep?.(this.places);
      throw error;
    }
    const gone = this.places.filter((place) => !places.includes(place));
    this.places = places;
    for (const place of gone) endPlace(place);
  }

  /** Lets go of all; what is pinned stays. */
  close(): void {
    for (const { links, slot, stub } of this.places) {
      for (const link of links) link.close();
      stub?.close();
      slot.close();
    }
    this.places = [];
  }

  /** For each program the place of a former one, if it can have it. */
  #match(wanted: readonly Wanted[]): (Place | undefined)[] {
    const left = [...this.places];
    const known = wanted.map((each) => {
      const at = left.findIndex((place) => isFor(place, each));
      return at < 0 ? undefined : left.splice(at, 1)[0];
    });
    // At a device a new program can only come behind the others.
    const last = known.findLastIndex((place, i) => place !== undefined && wanted[i]!.form === "tcx");
    const isInOrder = wanted.every(({ form }, i) => form !== "tcx" || i > last || known[i] !== undefined);
    return isInOrder ? known : known.map((place, i) => (wanted[i]!.form === "tcx" ? undefined : place));
  }

  #make({ key, name, form, program, attach }: Wanted): Place {
    const slot = makeSlot();
    let stub: KernelProgram | undefined;
    try {
      putIntoSlot(slot, program);
      stub = loadStub(name, form, slot);
      const attached = attach?.(stub) ?? [];
      return { index: this.#made++, key, slot, stub, attached, links: attached.map(({ link }) => link) };
    } catch (error) {
      stub?.close();
      slot.close();
      throw error;
    }
  }
}

/** Whether its links are where this program shall run; those of devices that have gone are nowhere. */
function isFor({ key, links }: Place, wanted: Wanted): boolean {
  if (key !== wanted.key) return false;
  const { devices } = wanted;
  if (devices === undefined) return true;
  const own = links.map((link) => {
    const info = link.info();
    return "ifindex" in info ? info.ifindex : 0;
  });
  return own.length === devices.length && devices.every((index) => own.includes(index));
}

function endPlace({ links, slot, stub }: Place): void {
  // Another process may have them, too.
  for (const link of links) link.end();
  // Rules that ask a match hold what they ask.
  emptySlot(slot);
  stub?.close();
  slot.close();
}
