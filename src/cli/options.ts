/**
 * Options are declared once, as a table of rows; parsing, usage errors and help all read it.
 */

import { parseArgs } from "node:util";
import { usageFailure } from "./failure.ts";

export interface OptionRow {
  /** Placeholder of the value in help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

export interface CommandLine {
  readonly name: string;
  /** After the name, as help prints it. */
  readonly synopsis: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionRow>>;
  /** Paragraphs below the options. */
  readonly notes?: readonly string[];
  /** Everything after the first positional argument belongs to it (`moonhook lua FILE --its-own`). */
  readonly passThrough?: boolean;
}

export interface ParsedLine {
  readonly positionals: string[];
  readonly values: Readonly<Record<string, string | true>>;
}

const HELP: OptionRow = { help: "this text" };

/** Whether the value of an option is the argument that follows it. */
function takesNext(rows: Record<string, OptionRow>, arg: string | undefined): boolean {
  return arg?.startsWith("--") === true && rows[arg.slice(2)]?.value !== undefined;
}

export function parseCommandLine(command: CommandLine, args: string[]): ParsedLine {
  const rows: Record<string, OptionRow> = { ...command.options, help: HELP };
  let own = args;
  let rest: string[] = [];
  if (command.passThrough) {
    const first = args.findIndex(
      (arg, i) => (!arg.startsWith("-") || arg === "-") && !takesNext(rows, args[i - 1]),
    );
    if (first >= 0) {
      own = args.slice(0, first);
      rest = args.slice(first);
    }
  }
  // Most often there are none, and Node's parser need not be loaded.
  if (own.length === 0) return { positionals: rest, values: {} };
  const hint = `Try 'moonhook ${command.name} --help'.`;
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: own,
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(rows).map(([name, row]) => [
          name,
          {
            type: row.value === undefined ? "boolean" : "string",
            ...(name === "help" ? { short: "h" } : {}),
          } as const,
        ]),
      ),
    });
  } catch (error) {
    throw usageFailure(firstSentence((error as Error).message), hint);
  }
  for (const [name, value] of Object.entries(parsed.values)) {
    const choices = rows[name]?.choices;
    if (choices && !choices.includes(value as string)) {
      throw usageFailure(`--${name} cannot be '${String(value)}'; it is one of ${choices.join(", ")}`, hint);
    }
  }
  return { positionals: [...parsed.positionals, ...rest], values: parsed.values as ParsedLine["values"] };
}

function firstSentence(text: string): string {
  return text.split(". ")[0]!;
}

/** A positive whole number given to `--name`. */
export function numberOption(line: ParsedLine, command: CommandLine, name: string): number | undefined {
  const value = line.values[name];
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(String(value))) {
    throw usageFailure(
      `--${name} needs a whole number above zero, not '${String(value)}'`,
      `Try 'moonhook ${command.name} --help'.`,
    );
  }
  return Number(value);
}

export function stringOption(line: ParsedLine, name: string): string | undefined {
  const value = line.values[name];
  return typeof value === "string" ? value : undefined;
}

export function helpText(command: CommandLine): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(([name, row]): [string, string] => [
    `  --${name}${row.value === undefined ? "" : ` ${row.value}`}`,
    row.help,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `usage: moonhook ${command.name} ${command.synopsis}`.trimEnd(),
    "",
    command.summary,
    "",
    "options:",
    ...rows.map(([left, right]) => left.padEnd(width) + right),
    ...(command.notes ?? []).flatMap((note) => ["", note]),
  ].join("\n");
}
