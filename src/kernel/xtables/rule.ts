/**
 * What the words of a rule mean: general conditions, matches (`-m`), and a target (`-j`) or a chain to go to. An option
 * that is not understood is an error with its line: nothing of a rule is skipped.
 */

import type {
  Action,
  Given,
  GivenOption,
  MatchSpec,
  OptionSpec,
  Options,
  RulePlace,
  TargetSpec,
  Test,
} from "./declare.ts";
import type { XtEnvironment } from "./environment.ts";
import { GENERAL_OPTIONS, generalTests } from "./general.ts";
import { IMPLICIT_MATCHES } from "./match-transport.ts";
import { RulesError } from "./rules-error.ts";
import type { SavedRule } from "./save-text.ts";
import { STANDARD_TARGETS } from "./targets.ts";
import { ValueError } from "./values.ts";

/** Where matches and targets are looked up by name: the standard ones, and those that scripts register. */
export interface Extensions {
  match(name: string, family: number): MatchSpec | undefined;
  target(name: string, family: number): TargetSpec | undefined;
}

export interface ReadRule {
  readonly conditions: readonly Test[];
  /** What happens to a packet that meets them; absent where there is no target, or a chain is gone to. */
  readonly action?: Action;
  /** The name of the chain to go to. */
  readonly chain?: string;
  /** Whether it comes back from there (`-j`), or not (`-g`). */
  readonly returns: boolean;
  /** Matches and targets of the rule that are not for packets of every hook point. */
  readonly confined: readonly Confined[];
}

export interface Confined {
  readonly name: string;
  readonly hooks: readonly number[];
}

export interface RuleContext {
  readonly family: number;
  readonly table: string;
  readonly chains: ReadonlySet<string>;
  readonly extensions: Extensions;
  readonly environment: XtEnvironment;
}

interface Loaded {
  readonly name: string;
  readonly kind: "match" | "target";
  readonly spec: MatchSpec | TargetSpec;
  readonly options: Record<string, GivenOption<unknown>>;
}

/** Raises `RulesError`. */
export function readRule(rule: SavedRule, context: RuleContext): ReadRule {
  return new RuleReader(rule, context).read();
}

class RuleReader {
  readonly #rule: SavedRule;
  readonly #context: RuleContext;
  readonly #general: Record<string, GivenOption<unknown>> = {};
  readonly #loaded: Loaded[] = [];
  #at = 0;
  #chain: string | undefined;
  #returns = true;
  #standard: number | undefined;

  constructor(rule: SavedRule, context: RuleContext) {
    this.#rule = rule;
    this.#context = context;
  }

  read(): ReadRule {
    const { words } = this.#rule;
    while (this.#at < words.length) {
      const not = words[this.#at] === "!";
      if (not) this.#at++;
      this.#readOption(words[this.#at], not);
    }
    return this.#build();
  }

  #readOption(word: string | undefined, not: boolean): void {
    if (word === undefined) this.#fail("'!' needs an option behind it");
    this.#at++;
    switch (word) {
      case "-m":
      case "--match":
        this.#load("match", this.#next(word));
        return;
      case "-j":
      case "--jump":
        this.#jump(this.#next(word));
        return;
      case "-g":
      case "--goto":
        this.#chain = this.#next(word);
        this.#returns = false;
        this.#chainMustExist(this.#chain);
        return;
      case "-c":
      case "--set-counters":
        this.#at += 2;
        return;
      case "-4":
      case "-6":
        return;
    }
    const general = find(GENERAL_OPTIONS, word);
    if (general) {
      this.#take(general, word, not, this.#general);
      return;
    }
    for (const loaded of this.#loaded.toReversed()) {
      const option = find(loaded.spec.options, word);
      if (!option) continue;
      this.#take(option, word, not, loaded.options);
      return;
    }
    const implicit = this.#implicitMatch();
    if (implicit === undefined || !this.#hasOption(implicit, word)) {
      this.#fail(`the option '${word}' belongs to nothing in this rule`);
    }
    this.#load("match", implicit);
    this.#at--;
    this.#readOption(word, not);
  }

  #implicitMatch(): string | undefined {
    const protocol = this.#general["protocol"];
    const name = protocol && IMPLICIT_MATCHES[protocol.value as number];
    return this.#loaded.some((loaded) => loaded.name === name) ? undefined : name;
  }

  #hasOption(name: string, word: string): boolean {
    const spec = this.#context.extensions.match(name, this.#context.family);
    return spec !== undefined && find(spec.options, word) !== undefined;
  }

  #take(
    [name, option]: [string, OptionSpec<unknown>],
    word: string,
    not: boolean,
    into: Record<string, GivenOption<unknown>>,
  ): void {
    // The old way to negate: behind the option.
    if (!not && option.words > 0 && this.#rule.words[this.#at] === "!") {
      not = true;
      this.#at++;
    }
    if (not && !option.not) this.#fail(`'${word}' cannot be negated`);
    if (Object.hasOwn(into, name)) this.#fail(`'${word}' is given more than once`);
    const values = this.#rule.words.slice(this.#at, this.#at + option.words);
    if (values.length < option.words) this.#fail(`'${word}' needs a value`);
    this.#at += option.words;
    try {
      into[name] = { value: option.read(values, this.#context.family), not };
    } catch (error) {
      if (error instanceof ValueError) this.#fail(`${word}: ${error.message}`);
      throw error;
    }
  }

  #load(kind: "match" | "target", name: string): void {
    const { family, extensions } = this.#context;
    const spec = extensions[kind](name, family);
    if (!spec) this.#fail(`there is no ${kind} '${name}'`);
    this.#loaded.push({ name, kind, spec, options: {} });
  }

  #jump(name: string): void {
    const standard = STANDARD_TARGETS[name];
    if (standard !== undefined) {
      this.#standard = standard;
    } else if (this.#context.chains.has(name)) {
      this.#chain = name;
    } else {
      if (!this.#context.extensions.target(name, this.#context.family))
        this.#fail(`there is no target and no chain '${name}'`);
      this.#load("target", name);
    }
  }

  #chainMustExist(name: string): void {
    if (!this.#context.chains.has(name)) this.#fail(`there is no chain '${name}'`);
  }

  #next(option: string): string {
    const word = this.#rule.words[this.#at++];
    if (word === undefined) this.#fail(`'${option}' needs a name behind it`);
    return word;
  }

  #build(): ReadRule {
    const { family, table, environment } = this.#context;
    const protocol = this.#general["protocol"] as GivenOption<number> | undefined;
    const place: RulePlace = {
      family,
      table,
      environment,
      protocol: protocol?.value ?? 0,
      protocolNot: protocol?.not ?? false,
      optionsOf: (name) => this.#loaded.find((loaded) => loaded.name === name)?.options as Given<Options>,
    };
    const conditions = generalTests(this.#general as Parameters<typeof generalTests>[0]);
    let action: Action | undefined;
    for (const loaded of this.#loaded) {
      this.#checkPlace(loaded, place);
      try {
        const built = loaded.spec.build(loaded.options as never, place);
        if (loaded.kind === "match") conditions.push(built as Test);
        else action = built as Action;
      } catch (error) {
        if (error instanceof ValueError) this.#fail(`${loaded.name}: ${error.message}`);
        throw error;
      }
    }
    const standard = this.#standard;
    if (standard !== undefined) action = () => standard;
    return {
      conditions,
      returns: this.#returns,
      confined: this.#loaded.flatMap(({ name, spec: { hooks } }) => (hooks ? [{ name, hooks }] : [])),
      ...(action === undefined ? {} : { action }),
      ...(this.#chain === undefined ? {} : { chain: this.#chain }),
    };
  }

  #checkPlace({ name, kind, spec }: Loaded, { family, table, protocol, protocolNot }: RulePlace): void {
    if (spec.family !== undefined && spec.family !== family)
      this.#fail(`the ${kind} '${name}' is not for this family of addresses`);
    if (spec.protocols && (protocolNot || !spec.protocols.includes(protocol)))
      this.#fail(`the ${kind} '${name}' needs one of its protocols with -p`);
    const tables = "tables" in spec ? spec.tables : undefined;
    if (tables && !tables.includes(table))
      this.#fail(`the ${kind} '${name}' is only for the table ${tables.join(", ")}`);
  }

  #fail(message: string): never {
    throw new RulesError(this.#rule.line, `${message}: ${this.#rule.text}`);
  }
}

/** An option by its own name (`--name`) or one of its other spellings. */
function find(options: Options, word: string): [string, OptionSpec<unknown>] | undefined {
  const own = word.startsWith("--") ? word.slice(2) : undefined;
  if (own !== undefined && Object.hasOwn(options, own)) return [own, options[own]!];
  return Object.entries(options).find(([, option]) => option.aliases.includes(word));
}
