/** eBPF programs as text, on our interpreter. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseEbpfCases, runEbpfCase } from "./ebpf-file.ts";

const folder = new URL("ebpf/", import.meta.url);

for (const file of readdirSync(folder)) {
  describe(file, () => {
    test.each(parseEbpfCases(readFileSync(new URL(file, folder), "utf8")))("$title", (golden) => {
      expect(runEbpfCase(golden)).toBe(golden.result);
    });
  });
}
