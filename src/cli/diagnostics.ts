/** What a backend says about a script, as text with the line that it means. */

import type { Diagnostic, Script } from "../backends/backend.ts";
import { textFromLatin1 } from "../util/latin1.ts";

function headline(script: Script, { message, position, file }: Diagnostic): string {
  const place = position === undefined ? "" : `${file ?? script.path}:${position.line}:${position.column}: `;
  return place + textFromLatin1(message);
}

/** Place, message and what to write instead, in one line. */
export function diagnosticLine(script: Script, diagnostic: Diagnostic): string {
  const { advice } = diagnostic;
  return headline(script, diagnostic) + (advice === undefined ? "" : `; ${advice}`);
}

/** The same over several lines, with the source line. */
export function diagnosticLines(script: Script, backend: string, diagnostic: Diagnostic): string[] {
  const { severity, position, file, advice } = diagnostic;
  const source = file === undefined ? script.source : script.readFile?.(file);
  const line = position && source?.split("\n")[position.line - 1];
  return [
    `${severity}   ${backend}: ${headline(script, diagnostic)}`,
    ...(line === undefined
      ? []
      : [`${String(position!.line).padStart(5)} | ${textFromLatin1(line.replace(/\r$/, ""))}`]),
    ...(advice === undefined ? [] : [`        ${advice}`]),
  ];
}
