/**
 * What a function that is left at a site has to keep: the variables and temporaries whose values may still be read
 * when it goes on. It is found on the emitted text, in which everything is read after it was assigned, in the order of
 * the lines, except that a loop reads again.
 *
 * A name is alive at a site when it occurs before and after it; or when it occurs anywhere in a loop around the site,
 * and before that loop. That a mere assignment counts as well keeps a few names too many, never one too few.
 */

/** Marks in the text: where a site keeps what is alive, and the bounds of a loop. */
export const siteMark = (site: number): string => `\x01${site};`;
/** In a loop over cases, what one declares is in sight of those behind it, and these may go back. */
export const loopMarks = (text: string, isCaseLoop: boolean): string =>
  `${isCaseLoop ? "\x04" : "\x02"}${text}\x03`;
/** A temporary is called by its number, and while the text is under construction by a number that is its own. */
export const temporaryName = (number: number, id: number): string => `t${number}$${id}`;
/** What it is called in the end. */
export const shortName = (name: string): string => name.replace(/^(t\d+)\$\d+$/, "$1");

const TOKEN = /"(?:[^"\\]|\\.)*"|\x01(\d+);|[\x02-\x04]|[A-Za-z_$][\w$]*/g;
const MARK_OR_TEMPORARY = /"(?:[^"\\]|\\.)*"|\x01(\d+);|[\x02-\x04]|\b(t\d+)\$\d+/g;

interface Loop {
  /** Index of the token that begins it. */
  readonly start: number;
  readonly isCaseLoop: boolean;
  /** What is alive all the way through it. */
  readonly names: Set<string>;
}

type Token = string | number | Loop | undefined;

/** The names in `text`, `candidates` among them, that are alive at each site, by number; `parameters` are from the start. */
export function aliveAtSites(
  text: string,
  candidates: ReadonlySet<string>,
  parameters: readonly string[],
): string[][] {
  const first = new Map(parameters.map((name) => [name, -1]));
  const tokens: Token[] = [];
  const loops: Loop[] = [];
  for (const [token, site] of text.matchAll(TOKEN)) {
    if (site !== undefined) tokens.push(Number(site));
    else if (token === "\x02" || token === "\x04") {
      loops.push({ start: tokens.length, isCaseLoop: token === "\x04", names: new Set() });
      tokens.push(undefined);
    } else if (token === "\x03") tokens.push(loops.pop()!);
    else if (candidates.has(token)) {
      if (!first.has(token)) first.set(token, tokens.length);
      for (const loop of loops) if (loop.isCaseLoop || first.get(token)! < loop.start) loop.names.add(token);
      tokens.push(token);
    }
  }
  const sites: string[][] = [];
  const alive = new Set<string>();
  for (let i = tokens.length - 1; i >= 0; i--) {
    const token = tokens[i];
    if (typeof token === "number") sites[token] = [...alive];
    else if (typeof token === "object") for (const name of token.names) alive.add(name);
    else if (token !== undefined) {
      if (first.get(token) === i) alive.delete(token);
      else alive.add(token);
    }
  }
  return sites;
}

/** The final text: a site's mark becomes what it keeps, and temporaries get their short names. */
export function withoutMarks(text: string, kept: (site: number) => string): string {
  return text.replace(MARK_OR_TEMPORARY, (token, site: string | undefined, temporary: string | undefined) =>
    site === undefined ? (temporary ?? (token.startsWith('"') ? token : "")) : kept(Number(site)),
  );
}
