/**
 * Keeps ways from multiplying in the verifier. It follows each way through a program until it comes to a place with
 * what it saw there before, and where two ways differ in a number that may become a distance, a length or a decision, it
 * goes on with both: with k places in a row, 2^k times. So such numbers meet as numbers of which nothing is known, and
 * comparisons are of a difference, from which the verifier learns nothing about what is compared. What it has to know
 * is shown where it is needed (`Program.bound`, `isShown`).
 */

import {
  type Block,
  conditionOf,
  type Edge,
  edgesOf,
  type Instruction,
  type IrFunction,
  type Operand,
  operandsOf,
  reachable,
  type Terminator,
  Value,
} from "./ir.ts";
import { mapEdges } from "./substitute.ts";
import { CONFIG, MAPS } from "./target.ts";

/** Differences of what is less than this do not wrap around. */
const LARGEST = 1n << 62n;

/** Changes `ir` and gives it back. Nothing may be simplified afterwards. */
export function hide(ir: IrFunction): IrFunction {
  const order = reachable(ir);
  const flow = new Flow(order);
  for (const block of order) hideComparison(ir, block, flow);
  const places = new Map(order.map((block, index) => [block, index]));
  const edgesInto = new Map<Block, Edge[]>();
  for (const block of order)
    for (const edge of edgesOf(block.terminator!))
      edgesInto.set(edge.target, [...(edgesInto.get(edge.target) ?? []), edge]);
  const isHiddenAt = (target: Block): boolean[] =>
    target.parameters.map((parameter, i) => {
      const [first, ...others] = edgesInto.get(target)!.map(({ args }) => args[i]!);
      return parameter.kind === "int" && flow.matters.has(parameter) && others.some((arg) => arg !== first);
    });
  for (const [index, block] of order.entries()) {
    const end = block.terminator!;
    block.terminator = mapEdges(end, (edge) => {
      // What a loop begins with was hidden: each round is one of those that the verifier has seen.
      if (edge.args.length === 0 || places.get(edge.target)! <= index) return edge;
      const isHidden = isHiddenAt(edge.target).map((each, i) => each && !flow.hidden.has(edge.args[i]!));
      if (!isHidden.includes(true)) return edge;
      const place = end.op === "jump" ? block : ir.block();
      const zero = loadZero(ir, place, end);
      const args = edge.args.map((arg, i) => (isHidden[i] ? hidden(ir, place, zero, arg, end) : arg));
      const onward = { target: edge.target, args };
      if (place === block) return onward;
      place.isCold = edge.target.isCold;
      place.terminator = { op: "jump", to: onward, span: end.span };
      return { target: place, args: [] };
    });
  }
  return ir;
}

function loadZero(ir: IrFunction, { instructions }: Block, { span }: Terminator): Value {
  const from = ir.value("pointer");
  const zero = ir.value("int");
  instructions.push({ op: "mapValue", symbol: MAPS.config, offset: 0, result: from, span });
  instructions.push({ op: "load", size: 8, from, offset: CONFIG.zero, result: zero, span });
  return zero;
}

function hidden(ir: IrFunction, place: Block, zero: Value, word: Operand, { span }: Terminator): Value {
  const result = ir.value("int", word instanceof Value ? word.range : { low: word, high: word });
  place.instructions.push({ op: "binary", operation: "add", result, left: zero, right: word, span });
  return result;
}

/** How a comparison of `a` with `b` is one of `b - a` with zero. */
const OF_DIFFERENCE = {
  jeq: "jeq",
  jne: "jne",
  jslt: "jsgt",
  jsle: "jsge",
  jsgt: "jslt",
  jsge: "jsle",
  jlt: "jsgt",
  jle: "jsge",
  jgt: "jslt",
  jge: "jsle",
} as const;

function hideComparison(ir: IrFunction, block: Block, flow: Flow): void {
  const end = block.terminator!;
  if (end.op !== "branch" || end.isShown || end.left.kind === "pointer") return;
  const { comparison, left, right, span } = end;
  // One side of these is the end of the run, mostly.
  if (typeof right === "bigint" && (end.then.target.isCold || end.otherwise.target.isCold)) return;
  if (!flow.isCarried(left) && !flow.isCarried(right)) return;
  if (comparison === "jset") {
    const result = ir.value("int");
    block.instructions.push({ op: "binary", operation: "and", result, left, right, span });
    block.terminator = { ...end, comparison: "jne", left: result, right: 0n };
    return;
  }
  const isEquality = comparison === "jeq" || comparison === "jne";
  const least = isEquality || comparison.startsWith("js") ? -LARGEST : 0n;
  const isSmall = (operand: Operand): boolean => {
    const { low, high } = operand instanceof Value ? operand.range : { low: operand, high: operand };
    return low >= least && high < LARGEST;
  };
  if (isEquality || (isSmall(left) && isSmall(right))) {
    const result = ir.value("int");
    block.instructions.push({ op: "binary", operation: "sub", result, left: right, right: left, span });
    block.terminator = { ...end, comparison: OF_DIFFERENCE[comparison], left: result, right: 0n };
    return;
  }
  const zero = loadZero(ir, block, end);
  block.terminator = { ...end, left: hidden(ir, block, zero, left, end) };
}

/** Where numbers go. */
class Flow {
  /** Numbers that become a distance, a length or a decision. */
  readonly matters = new Set<Value>();
  /** What the verifier knows nothing about already. */
  readonly hidden = new Set<Operand>();
  readonly #makers = new Map<Value, { instruction?: Instruction; block: Block }>();
  /** Blocks that read a value. */
  readonly #readers = new Map<Operand, Block[]>();
  readonly #sources = new Map<Block, Block[]>();
  /** Of a value: those that are it and a constant, which the verifier knows as well. */
  readonly #relatives = new Map<Value, Value[]>();

  constructor(order: readonly Block[]) {
    const givers = new Map<Value, Operand[]>();
    const zeros = new Set<Operand>();
    const addresses = new Set<Operand>();
    const pending: Operand[] = [];
    const returned: Operand[] = [];
    for (const block of order) {
      const read = (operand: Operand): void => {
        listed(this.#readers, operand).push(block);
      };
      for (const value of block.parameters) this.#makers.set(value, { block });
      for (const made of block.instructions) {
        operandsOf(made).forEach(read);
        if (made.result !== undefined) this.#makers.set(made.result, { instruction: made, block });
        if (made.op === "helper" || made.op === "kfunc") pending.push(...made.args);
        if (made.op === "mapValue" && made.symbol === MAPS.config) addresses.add(made.result);
        if (made.op === "load" && made.offset === CONFIG.zero && addresses.has(made.from))
          zeros.add(made.result);
        if (made.op !== "binary" || (made.operation !== "add" && made.operation !== "sub")) continue;
        const { left, right, result } = made;
        if (result.kind === "pointer") pending.push(left, right);
        if (zeros.has(left) || zeros.has(right)) this.hidden.add(result);
        if (!(left instanceof Value) || typeof right !== "bigint") continue;
        listed(this.#relatives, left).push(result);
        listed(this.#relatives, result).push(left);
      }
      const end = block.terminator!;
      conditionOf(end).forEach(read);
      if (end.op === "branch") pending.push(end.left, end.right);
      if (end.op === "return") returned.push(end.value);
      for (const { target, args } of edgesOf(end)) {
        listed(this.#sources, target).push(block);
        args.forEach(read);
        for (const [i, parameter] of target.parameters.entries()) listed(givers, parameter).push(args[i]!);
      }
    }
    for (let word = pending.pop(); word !== undefined; word = pending.pop()) {
      if (!(word instanceof Value) || this.matters.has(word)) continue;
      this.matters.add(word);
      const made = this.#makers.get(word)?.instruction;
      if (made?.op === "binary" || made?.op === "negate" || made?.op === "swap")
        pending.push(...operandsOf(made));
      pending.push(...(givers.get(word) ?? []));
    }
    // The verifier wants to see what is returned.
    for (let word = returned.pop(); word !== undefined; word = returned.pop())
      if (word instanceof Value && this.matters.delete(word)) returned.push(...(givers.get(word) ?? []));
  }

  /** Whether the verifier, which learns something of a number, takes that along to where ways meet. */
  isCarried(operand: Operand): boolean {
    if (!(operand instanceof Value)) return false;
    const seen = new Set([operand]);
    for (const value of seen) {
      if (this.matters.has(value) && this.#isWhereWaysMeet(value)) return true;
      for (const relative of this.#relatives.get(value) ?? []) seen.add(relative);
    }
    return false;
  }

  readonly #known = new Map<Value, boolean>();

  #isWhereWaysMeet(value: Value): boolean {
    let known = this.#known.get(value);
    if (known === undefined) {
      known = this.#findMeeting(value);
      this.#known.set(value, known);
    }
    return known;
  }

  /** Backwards from where it is read to where it is made. */
  #findMeeting(value: Value): boolean {
    const { block: home } = this.#makers.get(value)!;
    const seen = new Set(this.#readers.get(value));
    for (const block of seen) {
      if (block === home) continue;
      const sources = this.#sources.get(block)!;
      if (sources.length > 1) return true;
      for (const source of sources) seen.add(source);
    }
    return false;
  }
}

function listed<K, V>(lists: Map<K, V[]>, key: K): V[] {
  let list = lists.get(key);
  if (list === undefined) {
    list = [];
    lists.set(key, list);
  }
  return list;
}
