/**
 * How a match or a target is declared: its options as a table, and a function that makes of the options of one rule
 * what is asked of each packet. Reading, error messages and documentation follow from the table.
 */

import type { XtEnvironment } from "./environment.ts";
import type { XtPacket } from "./packet.ts";

/** One condition of a rule. */
export type Test = (packet: XtPacket) => boolean;

/** What a rule does to a packet that meets its conditions; `NF_*`, `XT_CONTINUE` or `XT_RETURN`. */
export type Action = (packet: XtPacket) => number;

export interface OptionSpec<T> {
  /** How many words follow the option. */
  readonly words: 0 | 1 | 2;
  readonly aliases: readonly string[];
  /** Whether `!` may stand in front of it. */
  readonly not: boolean;
  /** Raises `ValueError` when a word is no value of this option. */
  readonly read: (words: readonly string[], family: number) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: an option of any type
export type Options = Readonly<Record<string, OptionSpec<any>>>;

export interface GivenOption<T> {
  readonly value: T;
  readonly not: boolean;
}

/** The options of one rule, by their names without the leading dashes. */
export type Given<O extends Options> = {
  readonly [K in keyof O]?: O[K] extends OptionSpec<infer T> ? GivenOption<T> : never;
};

interface OptionExtra {
  readonly aliases?: readonly string[];
  readonly not?: boolean;
}

/** An option with one word behind it. */
export const option = <T>(
  read: (word: string, family: number) => T,
  { aliases = [], not = false }: OptionExtra = {},
): OptionSpec<T> => ({ words: 1, aliases, not, read: ([word], family) => read(word!, family) });

/** An option with two words behind it. */
export const pair = <T>(
  read: (first: string, second: string, family: number) => T,
  { aliases = [], not = false }: OptionExtra = {},
): OptionSpec<T> => ({
  words: 2,
  aliases,
  not,
  read: ([first, second], family) => read(first!, second!, family),
});

/** An option that says everything by being there. */
export const flag = ({ aliases = [], not = false }: OptionExtra = {}): OptionSpec<true> => ({
  words: 0,
  aliases,
  not,
  read: () => true,
});

/** Where the rule stands that an extension is built for. */
export interface RulePlace {
  /** NFPROTO_IPV4 or NFPROTO_IPV6 */
  readonly family: number;
  readonly table: string;
  /** Of `-p`, 0 when the rule is for all; and whether it is negated. */
  readonly protocol: number;
  readonly protocolNot: boolean;
  /** The options of a match of the same rule. */
  optionsOf(name: string): Given<Options> | undefined;
  readonly environment: XtEnvironment;
}

interface ExtensionSpec {
  /** Absent: both. */
  readonly family?: number;
  /** The rule must ask for one of these with `-p`. */
  readonly protocols?: readonly number[];
  /** Hook points (`NF_INET_*`) that a packet may come from when it meets this; absent: all. */
  readonly hooks?: readonly number[];
}

export interface MatchSpec extends ExtensionSpec {
  readonly options: Options;
  /** Raises `ValueError` when the options do not go together. */
  readonly build: (given: Given<Options>, place: RulePlace) => Test;
}

export interface TargetSpec extends ExtensionSpec {
  /** Absent: all tables. */
  readonly tables?: readonly string[];
  readonly options: Options;
  readonly build: (given: Given<Options>, place: RulePlace) => Action;
}

export function match<O extends Options>(
  spec: ExtensionSpec & {
    readonly options: O;
    readonly build: (given: Given<O>, place: RulePlace) => Test;
  },
): MatchSpec {
  return spec as unknown as MatchSpec;
}

export function target<O extends Options>(
  spec: ExtensionSpec & {
    readonly tables?: readonly string[];
    readonly options: O;
    readonly build: (given: Given<O>, place: RulePlace) => Action;
  },
): TargetSpec {
  return spec as unknown as TargetSpec;
}

/** All of `tests` must hold; those that are not there hold. */
export function all(...tests: readonly (Test | undefined)[]): Test {
  const present = tests.filter((test) => test !== undefined);
  if (present.length === 1) return present[0]!;
  return (packet) => present.every((test) => test(packet));
}

/** `test` of an option's value, negated when `!` stood in front of it; nothing when the option was not given. */
export function when<T>(
  given: GivenOption<T> | undefined,
  test: (packet: XtPacket, value: T) => boolean,
): Test | undefined {
  if (given === undefined) return undefined;
  const { value, not } = given;
  return (packet) => test(packet, value) !== not;
}
