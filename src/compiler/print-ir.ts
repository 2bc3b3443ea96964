/** The SSA form as text, for people and golden files. */

import {
  type Block,
  type Edge,
  type Instruction,
  type IrFunction,
  type Operand,
  reachable,
  type Terminator,
  Value,
} from "./ir.ts";

const LINE_COLUMN = 56;

/** The reachable blocks of a function in reverse postorder. Lines of Lua stand at the side where they change. */
export function printIr(ir: IrFunction): string {
  return reachable(ir)
    .map((block) => printBlock(block, block === ir.entry ? ir.name : undefined))
    .join("\n");
}

function printBlock(block: Block, name: string | undefined): string {
  const parameters = block.parameters.map((value) => `${print(value)}: ${value.kind}`).join(", ");
  const remarks = [name === undefined ? "" : ` of ${name}`, block.isCold ? ", cold" : ""].join("");
  const lines = [`b${block.id}(${parameters})${remarks}:`];
  let previous: string | undefined;
  const add = (text: string, { span }: Instruction | Terminator): void => {
    const place = span && `${span.chunk}:${span.line}`;
    const isNew = place !== undefined && place !== previous;
    if (isNew) previous = place;
    lines.push(isNew ? `${`  ${text}`.padEnd(LINE_COLUMN)} ; ${place}` : `  ${text}`);
  };
  for (const instruction of block.instructions) add(printInstruction(instruction), instruction);
  if (block.terminator) add(printTerminator(block.terminator), block.terminator);
  return `${lines.join("\n")}\n`;
}

/** Constants of more than nine digits are easier to read in hexadecimal. */
function print(operand: Operand): string {
  if (operand instanceof Value) return `v${operand.id}`;
  const size = operand < 0n ? -operand : operand;
  if (size < 1_000_000_000n) return `${operand}`;
  return `${operand < 0n ? "-" : ""}0x${size.toString(16)}`;
}

const list = (operands: readonly Operand[]): string => operands.map(print).join(", ");

const edge = ({ target, args }: Edge): string => `b${target.id}(${list(args)})`;

function place(address: Value, offset: number): string {
  if (offset === 0) return `[${print(address)}]`;
  return `[${print(address)} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}]`;
}

function printInstruction(instruction: Instruction): string {
  const { result } = instruction;
  const what = printOperation(instruction);
  return result === undefined ? what : `${print(result)} = ${what}`;
}

function printOperation(instruction: Instruction): string {
  switch (instruction.op) {
    case "binary":
      return `${instruction.operation} ${print(instruction.left)}, ${print(instruction.right)}`;
    case "negate":
      return `negate ${print(instruction.operand)}`;
    case "swap":
      return `swap${instruction.bits} ${print(instruction.operand)}`;
    case "load":
      return `load${instruction.size * 8} ${place(instruction.from, instruction.offset)}`;
    case "store":
    case "exchange":
    case "atomicAdd": {
      const to = place(instruction.to, instruction.offset);
      const bits = instruction.op === "exchange" ? 64 : instruction.size * 8;
      return `${instruction.op}${bits} ${to}, ${print(instruction.value)}`;
    }
    case "stackAddress":
      return `stackAddress ${instruction.slot.name} (${instruction.slot.sizeBytes} bytes)`;
    case "map":
      return `map ${instruction.symbol}`;
    case "mapValue":
      return `mapValue ${instruction.symbol} + ${instruction.offset}`;
    case "helper":
      return `helper ${instruction.helper}(${list(instruction.args)})`;
    case "kfunc":
      return `kfunc ${instruction.name}(${list(instruction.args)})`;
  }
}

function printTerminator(terminator: Terminator): string {
  switch (terminator.op) {
    case "jump":
      return `jump ${edge(terminator.to)}`;
    case "branch": {
      const { comparison, left, right } = terminator;
      const ways = `${edge(terminator.then)} else ${edge(terminator.otherwise)}`;
      return `${comparison} ${print(left)}, ${print(right)} then ${ways}`;
    }
    case "mayGoto":
      return `mayGoto ${edge(terminator.exit)} else ${edge(terminator.next)}`;
    case "return":
      return `return ${print(terminator.value)}`;
  }
}
