/**
 * Registers of the machine for the nodes of an interference graph (Chaitin, with Briggs's two refinements): copies are
 * merged where that makes no node harder, nodes with few neighbours are set aside, and the rest take their chance.
 */

import type { Copy, Interference, Node } from "./interference.ts";
import { REGISTER_COUNT, type Register } from "./machine-code.ts";

export interface Coloring {
  /** By node. */
  readonly colors: ReadonlyMap<Node, Register>;
  /** Those to be kept in memory or made anew before another attempt. */
  readonly spilled: ReadonlySet<Node>;
}

/** Which register is tried first: those that calls lose, r0 and r1 last since arguments and results want them. */
const PREFERENCE = [5, 4, 3, 2, 0, 1, 6, 7, 8, 9] as const;

/** The node that stands for `node` after merging. */
export function mergedNode(node: Node): Node {
  while (node.mergedInto) node = node.mergedInto;
  return node;
}

function bitCount(mask: number): number {
  let count = 0;
  for (; mask !== 0; mask &= mask - 1) count++;
  return count;
}

const degreeOf = (node: Node): number => node.neighbours.size + bitCount(node.forbidden);

/** Merges both ends of copies, the most frequent ones first, as long as the result surely finds a register. */
export function mergeCopies(graph: Interference): void {
  const copies = [...graph.copies].sort((a, b) => b.weight - a.weight);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const copy of copies) {
      const to = mergedNode(copy.to);
      const from = mergedNode(copy.from);
      if (to === from || !mayMerge(to, from)) continue;
      merge(to, from);
      isChanged = true;
    }
  }
}

function mayMerge(a: Node, b: Node): boolean {
  if (a.neighbours.has(b) || !Number.isFinite(a.cost + b.cost)) return false;
  const forbidden = a.forbidden | b.forbidden;
  let hard = bitCount(forbidden);
  for (const node of a.neighbours) {
    // A common neighbour loses one.
    const degree = degreeOf(node) - (b.neighbours.has(node) ? 1 : 0);
    if (degree >= REGISTER_COUNT) hard++;
  }
  for (const node of b.neighbours) if (!a.neighbours.has(node) && degreeOf(node) >= REGISTER_COUNT) hard++;
  return hard < REGISTER_COUNT;
}

function merge(into: Node, node: Node): void {
  node.mergedInto = into;
  into.forbidden |= node.forbidden;
  into.cost += node.cost;
  into.definition = null;
  for (const other of node.neighbours) {
    other.neighbours.delete(node);
    other.neighbours.add(into);
    into.neighbours.add(other);
  }
  for (const [register, weight] of node.wishes)
    into.wishes.set(register, (into.wishes.get(register) ?? 0) + weight);
}

export function colorNodes(graph: Interference): Coloring {
  const nodes = [...graph.nodes.values()].filter((node) => node.mergedInto === undefined);
  const partners = partnersOf(graph.copies);
  const colors = new Map<Node, Register>();
  const spilled = new Set<Node>();
  for (const node of removalOrder(nodes).reverse()) {
    const taken = takenBy(node, colors);
    const color = bestColor(node, taken, partners.get(node) ?? [], colors);
    if (color !== undefined) colors.set(node, color);
    else for (const victim of victimsFor(node, colors)) spilled.add(victim);
  }
  return { colors, spilled };
}

/** Copies by the nodes at their ends. */
function partnersOf(copies: readonly Copy[]): Map<Node, { node: Node; weight: number }[]> {
  const partners = new Map<Node, { node: Node; weight: number }[]>();
  const add = (at: Node, node: Node, weight: number): void => {
    const known = partners.get(at);
    if (known) known.push({ node, weight });
    else partners.set(at, [{ node, weight }]);
  };
  for (const copy of copies) {
    const to = mergedNode(copy.to);
    const from = mergedNode(copy.from);
    if (to === from) continue;
    add(to, from, copy.weight);
    add(from, to, copy.weight);
  }
  return partners;
}

/**
 * Nodes in the order in which they leave the graph: whoever has fewer neighbours than there are registers finds one
 * whatever the others get. When there is none, the one that memory costs least per neighbour goes.
 */
function removalOrder(nodes: readonly Node[]): Node[] {
  const degrees = new Map<Node, number>();
  const easy: Node[] = [];
  const hard = new Set<Node>();
  for (const node of nodes) {
    const degree = degreeOf(node);
    degrees.set(node, degree);
    if (degree < REGISTER_COUNT) easy.push(node);
    else hard.add(node);
  }
  const order: Node[] = [];
  while (order.length < nodes.length) {
    let node = easy.pop();
    if (node === undefined) {
      node = cheapest(hard, degrees);
      hard.delete(node);
    }
    order.push(node);
    for (const other of node.neighbours) {
      const degree = degrees.get(other)! - 1;
      degrees.set(other, degree);
      if (degree === REGISTER_COUNT - 1 && hard.delete(other)) easy.push(other);
    }
  }
  return order;
}

function cheapest(nodes: ReadonlySet<Node>, degrees: ReadonlyMap<Node, number>): Node {
  let best: Node | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (const node of nodes) {
    const price = node.cost / degrees.get(node)!;
    if (best !== undefined && price >= lowest) continue;
    best = node;
    lowest = price;
  }
  return best!;
}

function takenBy(node: Node, colors: ReadonlyMap<Node, Register>): number {
  let taken = node.forbidden;
  for (const other of node.neighbours) {
    const color = colors.get(other);
    if (color !== undefined) taken |= 1 << color;
  }
  return taken;
}

/** A free register, best one that makes copies vanish. */
function bestColor(
  node: Node,
  taken: number,
  partners: readonly { node: Node; weight: number }[],
  colors: ReadonlyMap<Node, Register>,
): Register | undefined {
  const gains = new Map(node.wishes);
  const gain = (register: Register, weight: number): void => {
    gains.set(register, (gains.get(register) ?? 0) + weight);
  };
  for (const partner of partners) {
    const color = colors.get(partner.node);
    if (color !== undefined) gain(color, partner.weight);
    // The partner has none yet, but would like one.
    else for (const register of partner.node.wishes.keys()) gain(register, partner.weight / 2);
  }
  let best: Register | undefined;
  let most = -1;
  for (const register of PREFERENCE) {
    if (taken & (1 << register)) continue;
    const score = gains.get(register) ?? 0;
    if (score <= most) continue;
    best = register;
    most = score;
  }
  return best;
}

/** Who goes to memory when there is no register left: the node, or all that hold the register that matters least. */
function victimsFor(node: Node, colors: Map<Node, Register>): Iterable<Node> {
  const costs = new Map<Register, number>();
  for (const other of node.neighbours) {
    const color = colors.get(other);
    if (color !== undefined) costs.set(color, (costs.get(color) ?? 0) + other.cost);
  }
  let lowest = node.cost;
  let chosen: Register | undefined;
  for (const [register, cost] of costs) {
    if (cost >= lowest || node.forbidden & (1 << register)) continue;
    lowest = cost;
    chosen = register;
  }
  if (chosen === undefined) return [node];
  const victims = [...node.neighbours].filter((other) => colors.get(other) === chosen);
  for (const victim of victims) colors.delete(victim);
  colors.set(node, chosen);
  return victims;
}
