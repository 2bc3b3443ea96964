/** Arguments of native functions: what they are taken for, and what a wrong one is told. */

import { type Abstract, type Int, int, NIL, type Single, typeOf } from "./abstract.ts";
import { Join } from "./control.ts";
import type { Operand } from "./ir.ts";
import type { Specializer } from "./specializer.ts";

/** `bad argument #n to 'name' (problem)`. This path ends. */
export function argumentFails(s: Specializer, n: number, name: string, problem: string): void {
  // What `pcall` calls itself is not told how many arguments there are.
  const shown = s.isBare ? problem.replace("got nil", "got no value") : problem;
  s.fail(`bad argument #${n - s.skippedArguments} to '${name}' (${shown})`);
}

/** An argument as an integer; on paths where it is none the hook fails. Undefined: no path is left. */
export function integerArgument(
  s: Specializer,
  args: readonly Abstract[],
  n: number,
  name: string,
  fallback?: Operand,
  shown = n,
): Operand | undefined {
  const rest = new Join();
  s.cases(args[n - 1] ?? NIL, (single) => {
    if (single.kind === "int") s.goto(rest, [single]);
    else if (single.kind === "nil" && fallback !== undefined) s.goto(rest, [int(fallback)]);
    else {
      const constant = single.kind === "text" ? s.numeral(single) : undefined;
      if (constant !== undefined) s.goto(rest, [constant]);
      else if (single.kind === "slice")
        s.refuse(
          "a string of the packet where a number is wanted",
          "use string.byte or string.unpack to get integers",
        );
      else
        argumentFails(
          s,
          shown,
          name,
          `number expected, got ${args.length < n ? "no value" : typeOf(single)}`,
        );
    }
  });
  const [value] = s.land(rest);
  return s.block === undefined ? undefined : (value as Int).value;
}

/** An argument as a string, in memory or constant. */
export function stringArgument(
  s: Specializer,
  args: readonly Abstract[],
  n: number,
  name: string,
  shown = n,
): Single | undefined {
  const rest = new Join();
  s.cases(args[n - 1] ?? NIL, (single) => {
    if (typeOf(single) === "string") s.goto(rest, [single]);
    else if (single.kind === "int") {
      s.goto(rest, [s.textValue(single)!]);
    } else
      argumentFails(s, shown, name, `string expected, got ${args.length < n ? "no value" : typeOf(single)}`);
  });
  const [value] = s.land(rest);
  return s.block === undefined ? undefined : (value as Single);
}

/** A constant string. */
export function constantString(
  s: Specializer,
  args: readonly Abstract[],
  n: number,
  name: string,
  what: string,
): string | undefined {
  const value = stringArgument(s, args, n, name);
  if (value === undefined) return undefined;
  return value.kind === "text"
    ? value.text
    : s.refuse(`${what} that depends on the packet`, `use a constant ${what.replace(/^a /, "")}`);
}
