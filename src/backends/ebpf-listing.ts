/** What a script becomes on its way into the kernel, as text for people. Nothing is attached. */

import { VerifierError } from "../bpf/load.ts";
import type { CompiledHook } from "../compiler/compile-hooks.ts";
import { printIr } from "../compiler/print-ir.ts";
import { EXAMPLE_LAYOUT } from "../compiler/target.ts";
import { formatInstruction } from "../ebpf/disassemble.ts";
import { slotNumbers } from "../ebpf/instruction.ts";
import type { SourceSpan } from "../ebpf/program-builder.ts";
import { DEFAULT_BUDGET } from "../lua/state.ts";
import type { Script } from "./backend.ts";
import { LoadedScript } from "./compile-script.ts";
import { KernelPrograms, kernelLayout } from "./kernel-programs.ts";
import { kernelToLoadWith } from "./loading-kernel.ts";

/** The form between Lua and eBPF, the instructions, or what the kernel's verifier says of them. */
export type Listing = "ir" | "asm" | "log";

/** Log level of the verifier; with less it keeps quiet about what it likes. */
const EACH_STEP = 2;

/** As `ebpf.start` without running anything; throws what it throws. `log` needs the kernel. */
export function listScript(script: Script, what: Listing, isAtDevices = false): string {
  const { kernel, isReal, close } = kernelToLoadWith();
  try {
    const loaded = new LoadedScript(script, kernel);
    try {
      const compiled = loaded.compile(
        isReal ? kernelLayout() : EXAMPLE_LAYOUT,
        isAtDevices ? "tcx" : "netfilter",
      );
      const lineText = (span: SourceSpan) => loaded.lineText(span);
      if (what === "ir") return compiled.hooks.map(({ ir }) => printIr(ir)).join("\n");
      if (what === "asm") return compiled.hooks.map((hook) => listInstructions(hook, lineText)).join("\n");
      const settings = { budget: BigInt(DEFAULT_BUDGET), timeOffsetNs: 0n };
      const kept = new KernelPrograms(compiled, settings, { lineText, logLevel: EACH_STEP });
      try {
        return kept.programs.map(({ label, log }) => `${label}\n${log}`).join("\n");
      } finally {
        kept.close();
      }
    } finally {
      loaded.close();
    }
  } catch (error) {
    if (error instanceof VerifierError && what === "log") return `${error.log}\n${error.message}`;
    throw error;
  } finally {
    close();
  }
}

/** As the verifier's log numbers them, each under the line of Lua that it comes from. */
function listInstructions(
  { name, program }: CompiledHook,
  lineText: (span: SourceSpan) => string | undefined,
): string {
  const slots = slotNumbers(program.instructions);
  let place = "";
  const lines = program.instructions.flatMap((instruction, i) => {
    const line = `${String(slots[i]).padStart(5)}: ${formatInstruction(instruction)}`;
    const span = program.spans[i];
    const next = span === undefined ? "" : `${span.chunk}:${span.line}`;
    if (next === place) return [line];
    place = next;
    return [span === undefined ? ";" : `; ${next}: ${lineText(span)?.trim() ?? ""}`, line];
  });
  return [`${name}:`, ...lines].join("\n");
}
