/** Sets of strings that never change: what the Lua module `set` makes, and what programs in the kernel look names up in. */

export class StringSet {
  readonly members: ReadonlySet<string>;
  /** As many as were given: one that was given twice counts twice. */
  readonly size: number;

  constructor(members: readonly string[]) {
    this.members = new Set(members);
    this.size = members.length;
  }

  has(text: string): boolean {
    return this.members.has(text);
  }
}

/** Names with bits: a name has those of every member that is the name itself or what follows one of its dots. */
export class LabeledSet {
  readonly labels: ReadonlyMap<string, number>;
  readonly #longest: number;

  constructor(labels: ReadonlyMap<string, number>) {
    this.labels = labels;
    let longest = 0;
    for (const { length } of labels.keys()) longest = Math.max(longest, length);
    this.#longest = longest;
  }

  get size(): number {
    return this.labels.size;
  }

  match(text: string): number {
    let found = this.labels.get(text) ?? 0;
    // What is longer than every member cannot be one: of a long text only the end is cut out and looked up.
    let dot = text.indexOf(".", text.length - this.#longest - 1);
    while (dot >= 0) {
      found |= this.labels.get(text.slice(dot + 1)) ?? 0;
      dot = text.indexOf(".", dot + 1);
    }
    return found >>> 0;
  }
}
