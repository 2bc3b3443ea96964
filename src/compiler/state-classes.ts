/** Tables that live in maps: which of them may stand for each other, and what is known of their keys and values. */

/** Tables that can be in the same variable are of one class, and share maps. */
export class DynamicClass {
  readonly number: number;
  #parent: DynamicClass | undefined;

  constructor(number: number) {
    this.number = number;
  }

  get root(): DynamicClass {
    let at: DynamicClass = this;
    while (at.#parent !== undefined) at = at.#parent;
    return at;
  }

  /** Makes both one; false when they were. */
  unite(other: DynamicClass): boolean {
    const a = this.root;
    const b = other.root;
    if (a === b) return false;
    b.#parent = a;
    return true;
  }
}
