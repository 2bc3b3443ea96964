/**
 * Work that is done where no machine is at hand: tables, positions, patterns. It is owed by the machine whose callback
 * runs, and taken from its budget at the next round or call.
 */

/** What a machine lends to those who cannot name it. */
export interface Metered {
  /** Rounds and calls left of the slice (machine.ts); below zero the next round looks at the limits. */
  fuel: number;
  readonly charge: (bytes: number) => void;
}

let running: Metered | undefined;

/** Makes `machine` the one that pays; returns the one before. */
export function meterFor(machine: Metered | undefined): Metered | undefined {
  const before = running;
  running = machine;
  return before;
}

/** Takes `rounds` of the budget, without looking at it: whoever calls cannot be left half done. */
export function owe(rounds: number): void {
  if (running !== undefined) running.fuel -= rounds;
}

/** Announces an allocation; throws `ScriptAbort` when it is beyond the memory bound. */
export function chargeRunning(bytes: number): void {
  running?.charge(bytes);
}

/** Strings beyond this are compared, and looked up, at a cost that counts. */
export const LONG_TEXT = 4096;
/** Characters that are compared in the time of one round. */
const CHARACTERS_PER_ROUND = 4096;

/** To be called before the characters of a long text are read. */
export function oweForText(length: number): void {
  owe(1 + Math.floor(length / CHARACTERS_PER_ROUND));
}

/** A longer text is put together at once. */
const LONGEST_ROPE = 8 * 1024;
let sink = 0;

/**
 * The engine keeps what is concatenated as a tree of its parts, and makes one text of it when a character is read.
 * That takes memory nobody announced, so it is done here where it could be much.
 */
export function joined(text: string): string {
  // The engine would leave out a character that nobody looks at.
  if (text.length > LONGEST_ROPE && text.charCodeAt(0) > 255) sink++;
  return text;
}

/** So that nobody finds that the counter is never read. */
export const joinedWide = (): number => sink;
