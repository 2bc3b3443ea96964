/**
 * Shortens a function without changing what it does. Ranges of values are not used, no value is computed a second time
 * and no check is left out unless constants decide it: what the verifier has to see stays where it was.
 */

import { removeDeadCode } from "./dead-code.ts";
import type { IrFunction } from "./ir.ts";
import { propagate, reuseLoads } from "./propagate.ts";
import { straighten } from "./straighten.ts";

/** Each round opens the way for the next; more than a few find little. */
const MAX_ROUNDS = 8;

/** Changes `ir` and gives it back. */
export function optimize(ir: IrFunction): IrFunction {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const isChanged = [propagate(ir), straighten(ir), reuseLoads(ir), removeDeadCode(ir)].includes(true);
    if (!isChanged) break;
  }
  return ir;
}
