/** docs/bpf.md is a program: its pieces run one after the other, in a namespace, and print what it says. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { makeNamespaces, whyNoNamespaces } from "./namespace.ts";

const document = readFileSync("docs/bpf.md", "utf8");
const pieces = (language: string): string[] =>
  [...document.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text]) => text!);

const why = whyNoNamespaces();
test.skipIf(why)(
  `what the page shows runs, and prints what it says${why ? ` (skipped: ${why})` : ""}`,
  async () => {
    const net = await makeNamespaces();
    try {
      // Here, in the package itself, `moonhook/bpf` is its built entry.
      const page = ["--input-type=module", "-e", pieces("js").join("\n")];
      const { status, stdout, stderr } = net.exec(net.server, process.execPath, page);
      expect(stderr).toBe("");
      expect(stdout).toBe(pieces("text").join(""));
      expect(status).toBe(0);
    } finally {
      net.remove();
    }
  },
);
