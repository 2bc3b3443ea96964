/** A rule set that cannot be used: every such error names the line that it is about. */
export class RulesError extends Error {
  /** 1 is the first. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}
