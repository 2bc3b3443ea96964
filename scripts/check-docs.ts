/**
 * Names in documents must exist: every `path/like/this.ts` in back quotes, every relative link, and, written as
 * `file.ts: name`, every identifier in that file.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md"].concat(
  readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
);
const problems: string[] = [];
let names = 0;
for (const document of documents) {
  const text = readFileSync(document, "utf8");
  const at = (index: number) => `${document}:${text.slice(0, index).split("\n").length}`;
  for (const match of text.matchAll(
    /`((?:src|test|scripts|docs|examples|bench|bin)\/[\w./-]+)(?:: ([\w., ]+))?`/g,
  )) {
    names++;
    const [, path, identifiers] = match;
    if (!existsSync(path!)) problems.push(`${at(match.index)}: there is no ${path}`);
    else if (identifiers !== undefined) {
      const source = readFileSync(path!, "utf8");
      for (const identifier of identifiers.split(", ")) {
        const last = identifier.split(".").at(-1)!;
        if (!new RegExp(`\\b${last}\\b`).test(source))
          problems.push(`${at(match.index)}: no '${identifier}' in ${path}`);
      }
    }
  }
  for (const match of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
    names++;
    if (!existsSync(join(dirname(document), match[1]!)))
      problems.push(`${at(match.index)}: broken link ${match[1]}`);
  }
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`docs: ${names} names in ${documents.length} documents exist`);
