/**
 * Records of the ring buffer as text: the values that the program sent fill the holes in what the script prints, and the
 * interpreter that loaded the script does the rest.
 */

import type { Expression } from "../lua/ast.ts";
import { LuaError, ScriptAbort } from "../lua/error.ts";
import { fromBigInt } from "../lua/int64.ts";
import type { LuaState } from "../lua/state.ts";
import { type LuaValue, resultList } from "../lua/value.ts";
import { latin1FromBytes } from "../util/latin1.ts";
import { evaluateList } from "./deferred.ts";
import type { Captured, EventSite } from "./events.ts";

export interface EventText {
  /** A print that fails when its text is made is an `error`, as it would have been in the hook. */
  readonly kind: EventSite["kind"];
  /** Latin1; may have several lines. */
  readonly text: string;
}

const WORD_BYTES = 8;

/** What one record says. Throws `RangeError` for a record that no program of these sites writes. */
export function eventText(state: LuaState, sites: readonly EventSite[], record: Uint8Array): EventText {
  const words = new RecordReader(record);
  const number = words.word();
  const site = sites[Number(number)];
  if (site === undefined) throw new RangeError(`a record of place ${number}, and there are ${sites.length}`);
  const { kind, message } = site;
  if (message !== undefined) return { kind, text: message };
  const holes = new Map<Expression, LuaValue>();
  const values = site.captured.map(({ hole, as }) => [hole, words.value(as)] as const);
  try {
    return {
      kind,
      text: String(
        state.call(() => {
          for (const [hole, value] of values) holes.set(hole, value(state));
          return textOf(state, site, holes);
        }),
      ),
    };
  } catch (error) {
    if (!(error instanceof LuaError || error instanceof ScriptAbort)) throw error;
    return { kind: "error", text: positioned(site, error.message) };
  }
}

function textOf(state: LuaState, site: EventSite, holes: ReadonlyMap<Expression, LuaValue>): string {
  const values = evaluateList(state, site.expressions, holes);
  return site.kind === "print"
    ? values.map((value) => state.tostring(value)).join("\t")
    : new LuaError(values[0]).message;
}

/** What the interpreter raises has no place: no line of the script was running. */
function positioned({ span }: EventSite, message: string): string {
  return span === undefined || message.startsWith(`${span.chunk}:`)
    ? message
    : `${span.chunk}:${span.line}: ${message}`;
}

class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  word(): bigint {
    const word = this.#view.getBigInt64(this.#at, true);
    this.#at += WORD_BYTES;
    return word;
  }

  /** Takes the words of a value; what has to be computed from them is computed by the result. */
  value(as: Captured): (state: LuaState) => LuaValue {
    switch (as.kind) {
      case "constant":
        return () => as.value;
      case "int": {
        const word = fromBigInt(this.word());
        return () => word;
      }
      case "bool": {
        const word = this.word() !== 0n;
        return () => word;
      }
      case "string": {
        const text = this.#string(as.room);
        return () => text;
      }
      case "call": {
        const { f, result } = as;
        const args = as.args.map((arg) => this.value(arg));
        return (state) => {
          const values = args.map((arg) => arg(state));
          if (f === "..") return state.machine.plain.concat(values[0], values[1]) as LuaValue;
          return resultList(state.call(f, ...values))[result];
        };
      }
      case "union": {
        const tag = this.word();
        const start = this.#at;
        let end = start;
        // All lie in one place; what it would be for the others is not asked.
        const values = as.alternatives.map(([own, alternative]) => {
          this.#at = start;
          const value = this.value(alternative);
          end = Math.max(end, this.#at);
          return [own, value] as const;
        });
        this.#at = end;
        const found = values.find(([own]) => own === tag);
        if (found === undefined) throw new RangeError(`a record with a value of kind ${tag}`);
        return found[1];
      }
    }
  }

  /** Of a string that was cut the log says how long it was. */
  #string(room: number): string {
    const length = this.word();
    const from = this.#at;
    this.#at += (room + WORD_BYTES - 1) & -WORD_BYTES;
    const isWhole = length >= 0n && length <= room;
    const text = latin1FromBytes(this.#bytes, from, from + (isWhole ? Number(length) : room));
    return isWhole ? text : `${text}... (${length} bytes)`;
  }
}
