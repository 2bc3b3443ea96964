/**
 * What the specializer knows of a Lua value while it runs a hook on a packet that is not there yet: the value itself
 * where it is constant, otherwise its kind and the machine words (ir.ts) that will hold it.
 *
 * A value of several possible kinds is a union: a word says which, by the number that the kind has in this
 * compilation, and each alternative has its own words. That number is the same everywhere, so that unions join
 * without being rewritten.
 */

import type { FunctionBody } from "../lua/ast.ts";
import type { LuaTable } from "../lua/table.ts";
import type { LuaFunction, LuaUserdata } from "../lua/value.ts";
import type { Frame } from "./frame.ts";
import type { Operand, Value } from "./ir.ts";
import type { Rope } from "./ropes.ts";
import type { DynamicClass } from "./state-classes.ts";

export interface Nil {
  readonly kind: "nil";
}
export interface Bool {
  readonly kind: "bool";
  /** 0 or 1. */
  readonly value: Operand;
}
export interface Int {
  readonly kind: "int";
  readonly value: Operand;
}
/** A constant string, not in memory until somebody needs it there. */
export interface Text {
  readonly kind: "text";
  readonly text: string;
}
/** Bytes in memory: `length` of them at `base + offset`. */
export interface Slice {
  readonly kind: "slice";
  /** An address that may be read anywhere; never written. */
  readonly base: Value;
  readonly offset: Operand;
  readonly length: Operand;
}
/** A table that no hook changes. */
export interface ConstantTable {
  readonly kind: "table";
  readonly table: LuaTable;
}
/** A table that a hook makes, and that does not leave the run: each field is a variable. */
export interface LocalTable {
  readonly kind: "local";
  readonly object: LocalObject;
}
/** A table that lives in maps, by its number. */
export interface DynamicTable {
  readonly kind: "dynamic";
  readonly id: Operand;
  readonly class: DynamicClass;
}
/** An object that the script made while it loaded, of a class that hooks can ask: objects.ts. */
export interface HostObject {
  readonly kind: "object";
  readonly userdata: LuaUserdata;
}
/** A function of a library, of a module, or one that is written in the script. */
export interface Func {
  readonly kind: "function";
  readonly f: LuaFunction;
}
/** A function that the hook makes. */
export interface Closure {
  readonly kind: "closure";
  readonly body: FunctionBody;
  readonly frame: Frame;
}
/** What a function that only computes gives for these, once somebody prints it: not known to the program. */
export interface Deferred {
  readonly kind: "deferred";
  readonly f: LuaFunction | "..";
  /** Which of its results. */
  readonly result: number;
  readonly type: "string" | "number";
  readonly args: readonly Single[];
}
/** A packet: the hook's own, or the copy that the hook made of it. */
export interface Packet {
  readonly kind: "skb";
  readonly of: "own" | "copy";
}
/**
 * A window onto a packet. That of the hook's own packet is always the same one, which `skb:data` aims
 * anew: where it begins and ends is in cells.
 */
export interface View {
  readonly kind: "view";
  readonly of: "own" | "copy";
  /** Of a copy: how many bytes before the network header it begins, and how many it has. */
  readonly lead: Operand;
  readonly size: Operand;
}
/** The connection of a packet, or the one that announced it. */
export interface Connection {
  readonly kind: "connection";
  /** `struct nf_conn`, to read. */
  readonly base: Value;
}
export interface Union {
  readonly kind: "union";
  readonly tag: Value;
  readonly alternatives: readonly Single[];
}
export type Single =
  | Nil
  | Bool
  | Int
  | Text
  | Slice
  | ConstantTable
  | LocalTable
  | DynamicTable
  | HostObject
  | Func
  | Closure
  | Deferred
  | Packet
  | View
  | Connection;
export type Abstract = Single | Union;

/** A field of a table that whoever calls the script's function has made. */
export interface GivenField {
  /** Refuses, or gives what is there. */
  read(): Abstract;
  /** Refuses what it cannot be. */
  assign(value: Abstract): void;
}

/** The identity of a table that a hook makes. */
export class LocalObject {
  readonly fields = new Map<string | number, Cell>();
  readonly length: Cell;
  readonly key: string;
  /** The expression that makes it. */
  readonly site: object;
  metatable: LuaTable | undefined;
  /** Fields that the program has not in memory; undefined for tables of the script. */
  readonly given: ReadonlyMap<string, GivenField> | undefined;
  /** Where its strings are put together, if it is a list that is only joined. */
  rope: Rope | undefined;

  constructor(key: string, site: object, given?: ReadonlyMap<string, GivenField>) {
    this.key = key;
    this.site = site;
    this.given = given;
    this.length = new Cell(`${key}.#`, "field");
  }
}

/** A variable of one activation, or a field of a table that a hook made. */
export class Cell {
  /** The same each time that the specializer comes here the same way: how loops remember what changes. */
  readonly key: string;
  /**
   * A field is missing where its table was not made, and nobody asks. What was read from the state is only remembered
   * as long as it holds for certain.
   */
  readonly of: "activation" | "field" | "state";

  constructor(key: string, of: Cell["of"] = "activation") {
    this.key = key;
    this.of = of;
  }
}

export const NIL: Nil = { kind: "nil" };
export const OWN_PACKET: Packet = { kind: "skb", of: "own" };
export const OWN_VIEW: View = { kind: "view", of: "own", lead: 0n, size: 0n };
export const TRUE: Bool = { kind: "bool", value: 1n };
export const FALSE: Bool = { kind: "bool", value: 0n };
export const int = (value: Operand): Int => ({ kind: "int", value });
export const text = (value: string): Text => ({ kind: "text", text: value });
export const bool = (value: boolean): Bool => (value ? TRUE : FALSE);

export const alternativesOf = (value: Abstract): readonly Single[] =>
  value.kind === "union" ? value.alternatives : [value];

/** Numbers for what unions tell apart. */
export class Kinds {
  readonly #numbers = new Map<unknown, bigint>();
  readonly #identities = new Map<object, string>();

  /** What a union tells apart: kinds, and things by identity. Constant and other strings are one. */
  shapeOf(value: Single): string {
    switch (value.kind) {
      case "text":
      case "slice":
        return "string";
      case "table":
        return `table ${this.#identity(value.table)}`;
      case "local":
        return `local ${this.#identity(value.object)}`;
      case "object":
        return `object ${this.#identity(value.userdata)}`;
      case "function":
        return `function ${this.#identity(value.f)}`;
      case "closure":
        return `closure ${this.#identity(value.frame)} ${this.#identity(value.body)}`;
      case "deferred": {
        const args = value.args.map((arg) =>
          arg.kind === "text" ? JSON.stringify(arg.text) : this.shapeOf(arg),
        );
        const f = value.f === ".." ? ".." : this.#identity(value.f);
        return `deferred ${f} ${value.result} (${args.join(", ")})`;
      }
      case "dynamic":
        return `dynamic ${value.class.root.number}`;
      case "skb":
      case "view":
        return `${value.kind} ${value.of}`;
      default:
        return value.kind;
    }
  }

  tagOf(shape: string): bigint {
    let number = this.#numbers.get(shape);
    if (number === undefined) {
      number = BigInt(this.#numbers.size);
      this.#numbers.set(shape, number);
    }
    return number;
  }

  #identity(object: object): string {
    let name = this.#identities.get(object);
    if (name === undefined) {
      name = `#${this.#identities.size}`;
      this.#identities.set(object, name);
    }
    return name;
  }
}

/** What Lua's `type` says. */
export function typeOf(value: Single): string {
  switch (value.kind) {
    case "bool":
      return "boolean";
    case "int":
      return "number";
    case "text":
    case "slice":
      return "string";
    case "table":
    case "local":
    case "dynamic":
      return "table";
    case "function":
    case "closure":
      return "function";
    case "deferred":
      return value.type;
    case "object":
    case "skb":
    case "view":
    case "connection":
      return "userdata";
    default:
      return value.kind;
  }
}
