/** Expressions: their values, conditions as ways, tables. */

import type { CallExpression, Expression } from "../lua/ast.ts";
import { describe } from "../lua/emit-names.ts";
import { toBigInt } from "../lua/int64.ts";
import { describeType } from "../lua/lib/check.ts";
import { LuaTable } from "../lua/table.ts";
import type { LuaValue } from "../lua/value.ts";
import {
  type Abstract,
  alternativesOf,
  Cell,
  FALSE,
  type Int,
  int,
  LocalObject,
  NIL,
  type Single,
  TRUE,
  text,
  typeOf,
} from "./abstract.ts";
import { Calling } from "./calling.ts";
import { lookUp } from "./constant-table.ts";
import { Join } from "./control.ts";
import { printedParts } from "./deferred.ts";
import type { Operand } from "./ir.ts";
import { appendToRope, makeRope } from "./ropes.ts";
import { isSharedTable, readShared, writeShared } from "./shared-tables.ts";
import {
  makeTable,
  readEntry,
  readField,
  readSlot,
  writeEntry,
  writeField,
  writeSlot,
} from "./state-access.ts";

export abstract class Expressions extends Calling {
  // ---- expressions

  expression(e: Expression): Abstract {
    const isPrinted = this.takePrinted();
    if (this.block === undefined) return NIL;
    this.at(e);
    switch (e.kind) {
      case "nil":
        return NIL;
      case "true":
        return TRUE;
      case "false":
        return FALSE;
      case "integer":
        return int(toBigInt(e.value));
      case "string":
        return text(e.value);
      case "local":
        return this.read(e.variable);
      case "global":
        return this.index(this.expression(e.env), text(e.name), undefined, e);
      case "index": {
        const object = this.expression(e.object);
        return this.index(object, this.expression(e.key), describe(e.object, this.frame.body), e);
      }
      case "call":
        this.isPrinted = isPrinted;
        return this.results(e)[0] ?? NIL;
      case "vararg":
        return this.frame.varargs[0] ?? NIL;
      case "function":
        return { kind: "closure", body: e, frame: this.frame };
      case "paren":
        this.isPrinted = isPrinted;
        return this.expression(e.inner);
      case "table":
        return this.#table(e);
      case "unary":
        return this.#unary(e);
      case "binary":
        return this.#binary(e, isPrinted);
    }
  }

  /** All values of an expression list, the last one's all. */
  expressions(list: readonly Expression[]): Abstract[] {
    const values: Abstract[] = [];
    for (const [i, e] of list.entries()) {
      if (i < list.length - 1) values.push(this.expression(e));
      else if (e.kind === "call") return this.listOf(values, this.results(e));
      else if (e.kind === "vararg") return this.listOf(values, this.frame.varargs);
      else values.push(this.expression(e));
    }
    return values;
  }

  results(e: CallExpression): readonly Abstract[] {
    const isPrinted = this.takePrinted();
    let callee = this.expression(e.callee);
    let self: Abstract | undefined;
    let name = describe(e.callee, this.frame.body);
    if (e.method !== undefined) {
      self = callee;
      this.at(e);
      callee = this.index(self, text(e.method), name, e);
      name = `method '${e.method}'`;
    }
    if (callee.kind === "function" && this.script.nameOf(callee.f) === "print") {
      this.#print(e);
      return [];
    }
    const args = this.expressions(e.args);
    if (this.block === undefined) return [];
    this.at(e);
    this.isPrinted = isPrinted;
    return this.call(callee, self === undefined ? args : this.listOf([self], args), name);
  }

  /** What is printed is put together in user space, from what the packet has to give. */
  #print(e: CallExpression): void {
    const { list, holes, tail } = printedParts(this.self, e.args);
    if (this.block === undefined) return;
    this.at(e);
    if (tail === undefined) {
      this.log("print", list, holes);
      return;
    }
    const rest = new Join();
    this.byCount(tail, ({ length }) => {
      const missing = tail.length - length;
      this.log("print", list.slice(0, list.length - missing), holes.slice(0, holes.length - missing));
      this.goto(rest);
    });
    this.land(rest);
  }

  #unary(e: Extract<Expression, { kind: "unary" }>): Abstract {
    if (e.op === "not") return this.#asValue(e);
    const value = this.expression(e.operand);
    const name = describe(e.operand, this.frame.body);
    this.at(e);
    return this.dispatch(value, (single) => {
      if (e.op === "#") return this.lengthOperator(single, name);
      if (e.op === "-" && (single.kind === "slice" || single.kind === "deferred"))
        this.refuse(
          "arithmetic on a string of the packet",
          "use string.byte or string.unpack to get integers",
        );
      const number = this.numeral(single);
      if (number === undefined && e.op === "-" && single.kind === "text") {
        this.fail("attempt to unm a 'string' with a 'string'");
        return NIL;
      }
      if (number === undefined || (e.op === "~" && single.kind !== "int")) {
        const what = e.op === "-" ? "perform arithmetic on" : "perform bitwise operation on";
        this.fail(`attempt to ${what} a ${typeOf(single)} value${name === undefined ? "" : ` (${name})`}`);
        return NIL;
      }
      return int(e.op === "-" ? this.negate(number.value) : this.binary("xor", number.value, -1n));
    });
  }

  lengthOperator(value: Single, name: string | undefined): Abstract {
    switch (value.kind) {
      case "text":
      case "slice":
        return this.lengthValue(value);
      case "deferred":
        return this.lengthValue(value);
      case "view":
      case "skb":
        return int(this.windowOf(value).length);
      case "table":
        return int(BigInt(value.table.length()));
      case "local":
        return this.cells.get(value.object.length) ?? int(0n);
      case "object": {
        const length = value.userdata.metatable?.get("__len");
        return length === undefined
          ? this.#hasNoLength(value, name)
          : (this.call(this.abstractOf(length), [value], undefined)[0] ?? NIL);
      }
      default:
        return this.#hasNoLength(value, name);
    }
  }

  #hasNoLength(value: Single, name: string | undefined): Abstract {
    this.fail(
      `attempt to get length of a ${nameOfType(value)} value${name === undefined ? "" : ` (${name})`}`,
    );
    return NIL;
  }

  #binary(e: Extract<Expression, { kind: "binary" }>, isPrinted = false): Abstract {
    const { op } = e;
    if (op === "and" || op === "or") {
      const rest = new Join();
      const right = (): void => this.goto(rest, [this.expression(e.right)]);
      if (op === "or") this.#truthOf(e.left, (value) => this.goto(rest, [value]), right);
      else if (isCondition(e.left)) this.condition(e.left, right, () => this.goto(rest, [FALSE]));
      else this.byTruth(this.expression(e.left), right, (value) => this.goto(rest, [value]));
      return this.land(rest)[0] ?? NIL;
    }
    if (["==", "~=", "<", "<=", ">", ">="].includes(op)) return this.#asValue(e);
    this.isPrinted = isPrinted && op === "..";
    const left = this.expression(e.left);
    this.isPrinted = isPrinted && op === "..";
    const right = this.expression(e.right);
    const { body } = this.frame;
    const names = { left: describe(e.left, body), right: describe(e.right, body) };
    this.at(e);
    return op === ".." ? this.concat(left, right, names) : this.arithmetic(op, left, right, names);
  }

  /** Two ways by the truth of an expression, with its value where it is true; each ends somewhere. */
  #truthOf(e: Expression, then: (value: Abstract) => void, otherwise: () => void): void {
    if (this.block === undefined) return;
    if (e.kind === "binary" && e.op === "and") {
      const no = new Join();
      this.condition(
        e.left,
        () => this.#truthOf(e.right, then, () => this.goto(no)),
        () => this.goto(no),
      );
      this.meetAt(no, otherwise);
    } else if (isCondition(e)) this.condition(e, () => then(TRUE), otherwise);
    else this.byTruth(this.expression(e), then, otherwise);
  }

  /** A condition as a boolean. */
  #asValue(e: Expression): Abstract {
    const rest = new Join();
    this.condition(
      e,
      () => this.goto(rest, [TRUE]),
      () => this.goto(rest, [FALSE]),
    );
    return this.land(rest)[0] ?? NIL;
  }

  /** Two ways by a condition; each ends somewhere. */
  condition(e: Expression, then: () => void, otherwise: () => void): void {
    if (this.block === undefined) return;
    if (e.kind === "paren" && e.inner.kind !== "call" && e.inner.kind !== "vararg") {
      this.condition(e.inner, then, otherwise);
      return;
    }
    if (e.kind === "unary" && e.op === "not") {
      this.condition(e.operand, otherwise, then);
      return;
    }
    const isOperator = e.kind === "binary";
    if (isOperator && (e.op === "and" || e.op === "or")) {
      const short = new Join();
      const long = new Join();
      const [isAnd, whenShort, whenLong] =
        e.op === "and" ? [true, otherwise, then] : [false, then, otherwise];
      const right = (): void =>
        this.condition(
          e.right,
          () => this.goto(isAnd ? long : short),
          () => this.goto(isAnd ? short : long),
        );
      this.condition(e.left, isAnd ? right : () => this.goto(short), isAnd ? () => this.goto(short) : right);
      this.meetAt(short, whenShort);
      this.meetAt(long, whenLong);
      return;
    }
    if (isOperator && ["==", "~=", "<", "<=", ">", ">="].includes(e.op)) {
      if (this.#byType(e, then, otherwise)) return;
      const left = this.expression(e.left);
      const right = this.expression(e.right);
      if (this.block === undefined) return;
      this.at(e);
      if (e.op === "==") this.equal(left, right, then, otherwise);
      else if (e.op === "~=") this.equal(left, right, otherwise, then);
      else this.ordered(e.op as "<", left, right, then, otherwise);
      return;
    }
    this.byTruth(this.expression(e), then, otherwise);
  }

  /** `type(x) == "…"`: tells apart what x may be, so that each way knows. */
  #byType(e: Extract<Expression, { kind: "binary" }>, then: () => void, otherwise: () => void): boolean {
    const { op, left, right } = e;
    if ((op !== "==" && op !== "~=") || left.kind !== "call" || right.kind !== "string") return false;
    const [arg] = left.args;
    if (left.method !== undefined || left.args.length !== 1 || arg!.kind !== "local") return false;
    const callee = this.expression(left.callee);
    if (callee.kind !== "function" || this.script.nameOf(callee.f) !== "type") return false;
    const value = this.expression(arg!);
    const yes = new Join();
    const no = new Join();
    this.cases(value, (single) => this.goto(typeOf(single) === right.value ? yes : no));
    const [whenYes, whenNo] = op === "==" ? [then, otherwise] : [otherwise, then];
    const go = (join: Join, isYes: boolean, next: () => void): void => {
      this.land(join);
      if (this.block === undefined) return;
      if (value.kind === "union")
        this.refine(
          value,
          this.only(
            value,
            value.alternatives.filter((single) => (typeOf(single) === right.value) === isYes),
          ),
        );
      next();
    };
    go(yes, true, whenYes);
    go(no, false, whenNo);
    return true;
  }

  meetAt(join: Join, next: () => void): void {
    this.land(join);
    if (this.block !== undefined) next();
  }

  /** The length of a list of `count` values, some of which may be nil: as the VM looks for it, by halves. */
  #border(object: LocalObject, count: number): Abstract {
    const ask = (place: number, whenNil: () => Abstract, otherwise: () => Abstract): Abstract => {
      const cell = object.fields.get(place);
      const value = cell && this.cells.get(cell);
      if (value === undefined || alternativesOf(value).every(({ kind }) => kind !== "nil"))
        return otherwise();
      return this.dispatch(value, (one) => (one.kind === "nil" ? whenNil() : otherwise()));
    };
    const between = (low: number, high: number): Abstract => {
      if (high - low <= 1) return int(BigInt(low));
      const middle = (low + high) >> 1;
      return ask(
        middle,
        () => between(low, middle),
        () => between(middle, high),
      );
    };
    if (count === 0) return int(0n);
    const isCount = (length: number) => () => int(BigInt(length));
    const search = () => between(0, count);
    // The last but one is looked at first (luaH_getn).
    const beforeLast = () => (count >= 2 ? ask(count - 1, search, isCount(count - 1)) : search());
    return ask(count, beforeLast, isCount(count));
  }

  #table(e: Extract<Expression, { kind: "table" }>): Abstract {
    const of = this.shared.state.classOfSite(e);
    const rope = this.shared.ropeOf(e);
    const object = new LocalObject(`${this.frame.path}/table ${e.line}:${e.column}#${this.calls++}`, e);
    let next = 1;
    /** What the last call gave less than it may give. */
    let missing: Operand = 0n;
    const fields: [string | number, Abstract][] = [];
    const set = (key: string | number, value: Abstract): void => {
      if (of !== undefined || rope !== undefined) {
        if (rope !== undefined && typeof key === "string")
          this.refuse("a list with other fields that is joined", "make two tables");
        fields.push([key, value]);
        return;
      }
      const cell = new Cell(`${object.key}.${key}`, "field");
      object.fields.set(key, cell);
      this.cells.set(cell, value);
    };
    for (const [i, { key, value }] of e.items.entries()) {
      if (key !== undefined) {
        const constant = this.constantValue(this.expression(key));
        if (
          constant === undefined ||
          (typeof constant.value !== "string" && typeof constant.value !== "number")
        )
          this.refuse("a key of a new table that depends on the packet", "use constant keys");
        set(constant.value, this.expression(value));
      } else if (i === e.items.length - 1) {
        const items = this.expressions([value]);
        for (const item of items) set(next++, item);
        missing = this.binary("sub", BigInt(items.length), this.lists.of(items).word);
      } else set(next++, this.expression(value));
    }
    if (of !== undefined) {
      this.at(e);
      return this.block === undefined ? NIL : makeTable(this.self, of, fields);
    }
    const length =
      missing === 0n ? this.#border(object, next - 1) : int(this.binary("sub", BigInt(next - 1), missing));
    if (this.block === undefined) return NIL;
    this.cells.set(object.length, length);
    if (rope !== undefined) {
      this.cells.set(object.length, int(0n));
      makeRope(this.self, object, rope);
      for (const [, value] of fields) appendToRope(this.self, object, value);
    }
    return { kind: "local", object };
  }

  // ---- tables

  index(object: Abstract, key: Abstract, name: string | undefined, e: Expression): Abstract {
    return this.dispatch(object, (single) => this.indexSingle(single, key, name, e));
  }

  indexSingle(object: Single, key: Abstract, name: string | undefined, e: Expression): Abstract {
    if (this.block === undefined) return NIL;
    const constant = this.constantValue(key);
    switch (object.kind) {
      case "skb":
      case "view":
        return this.#method(object.kind === "skb" ? "skb" : "data", constant?.value);
      case "connection":
        return this.#method("ct", constant?.value);
      case "text":
      case "slice": {
        const methods = this.script.state.stringMetatable?.get("__index");
        if (methods instanceof LuaTable && constant !== undefined)
          return this.abstractOf(methods.get(constant.value));
        return this.refuse("an index of a string", "use the functions of string");
      }
      case "object": {
        if (isSharedTable(object.userdata)) return readShared(this.self, object.userdata.object, key, name);
        const methods = object.userdata.metatable?.get("__index");
        if (typeof methods === "function")
          return this.call(this.abstractOf(methods), [object, key], undefined)[0] ?? NIL;
        if (methods instanceof LuaTable && constant !== undefined)
          return this.abstractOf(methods.get(constant.value));
        return this.refuse("a method whose name depends on the packet", "use its name");
      }
      case "local":
        if (constant !== undefined) return this.#field(object.object, constant.value, e);
        return this.dispatch(key, (single) => this.indexLocal(object.object, single));
      case "dynamic":
        return this.#throughMetatable(
          typeof constant?.value === "string"
            ? readField(this.self, object, constant.value)
            : readEntry(this.self, object, key),
          object.class.root.metatable,
          object,
          key,
          e,
        );
      case "table":
        if (constant !== undefined) return this.tableField(object.table, constant.value, e);
        // Fields that change are somewhere else: a computed key must find all of them in one place.
        if (this.shared.state.hasSlots(object.table)) this.shared.state.makeDynamic(object.table);
        return this.dispatch(key, (single) => {
          const known = this.constantValue(single);
          return known === undefined
            ? this.#throughMetatable(
                lookUp(this.self, object.table, single),
                object.table.metatable,
                object,
                single,
                e,
              )
            : this.tableField(object.table, known.value, e);
        });
      default: {
        this.fail(`attempt to index a ${typeOf(object)} value${name === undefined ? "" : ` (${name})`}`);
        return NIL;
      }
    }
  }

  #method(of: "skb" | "data" | "ct", name: LuaValue): Abstract {
    const f = typeof name === "string" ? this.script.native(`${of}.${name}`) : undefined;
    return f === undefined ? NIL : { kind: "function", f };
  }

  #field(object: LocalObject, key: LuaValue, e: Expression): Abstract {
    if (object.rope !== undefined)
      this.refuse("an item of a list that is joined", "keep it in a variable, too");
    const given = typeof key === "string" ? object.given?.get(key) : undefined;
    if (given !== undefined) return given.read();
    const cell = typeof key === "string" || typeof key === "number" ? object.fields.get(key) : undefined;
    const value = (cell && this.cells.get(cell)) ?? NIL;
    if (object.metatable === undefined) return value;
    const { metatable } = object;
    return this.dispatch(value, (single) => {
      if (single.kind !== "nil") return single;
      const handler = metatable.get("__index");
      if (handler === undefined) return NIL;
      if (handler instanceof LuaTable) return this.tableField(handler, key, e);
      return (
        this.call(
          this.abstractOf(handler),
          [{ kind: "local", object }, this.abstractOf(key)],
          undefined,
        )[0] ?? NIL
      );
    });
  }

  /** An item of a table that the hook made, by a number that depends on the packet. */
  indexLocal(object: LocalObject, key: Single): Abstract {
    if (key.kind !== "int") return this.refuse("a key that depends on the packet", "use constant keys");
    const rest = new Join();
    const items = [...object.fields].filter((entry): entry is [number, Cell] => typeof entry[0] === "number");
    const step = (i: number): void => {
      const item = items[i];
      if (item === undefined) {
        this.goto(rest, [NIL]);
        return;
      }
      this.fork(
        "jeq",
        key.value,
        BigInt(item[0]),
        () => this.goto(rest, [this.cells.get(item[1]) ?? NIL]),
        () => step(i + 1),
      );
    };
    step(0);
    return this.land(rest)[0] ?? NIL;
  }

  /** A field of a table of the script, with metatables. */
  tableField(table: LuaTable, key: LuaValue, e: Expression): Abstract {
    const slot = this.shared.state.slotOfField(table, key);
    if (slot !== undefined) {
      const self: Single = { kind: "table", table };
      return this.#throughMetatable(
        readSlot(this.self, slot),
        table.metatable,
        self,
        this.abstractOf(key),
        e,
      );
    }
    const raw = table.get(key);
    if (raw !== undefined || table.metatable === undefined) return this.abstractOf(raw);
    const handler = table.metatable.get("__index");
    if (handler === undefined) return NIL;
    if (handler instanceof LuaTable) return this.tableField(handler, key, e);
    return (
      this.call(this.abstractOf(handler), [this.abstractOf(table), this.abstractOf(key)], undefined)[0] ?? NIL
    );
  }

  /** What a table without the key answers, where `value` may be nil. */
  #throughMetatable(
    value: Abstract,
    metatable: LuaTable | undefined,
    self: Single,
    key: Abstract,
    e: Expression,
  ): Abstract {
    const handler = metatable?.get("__index");
    if (handler === undefined) return value;
    return this.dispatch(value, (single) => {
      if (single.kind !== "nil") return single;
      if (handler instanceof LuaTable)
        return this.indexSingle({ kind: "table", table: handler }, key, undefined, e);
      return this.call(this.abstractOf(handler), [self, key], undefined)[0] ?? NIL;
    });
  }

  assign(object: Abstract, key: Abstract, value: Abstract, name: string | undefined): void {
    this.dispatch(object, (single) => {
      if (this.block !== undefined) this.assignSingle(single, key, value, name);
      return NIL;
    });
  }

  assignSingle(object: Single, key: Abstract, value: Abstract, name: string | undefined): void {
    const constant = this.constantValue(key);
    if (object.kind === "local" && object.object.rope !== undefined) {
      const { length, rope } = object.object;
      const isJoined = this.constantOf((this.cells.get(rope.isJoined) as Int).value) !== 0n;
      const count = (this.cells.get(length) as Int).value;
      const isNext =
        key.kind === "int" &&
        (typeof key.value === "bigint"
          ? key.value - 1n === this.constantOf(count)
          : this.successors.get(key.value) === count);
      if (!isNext || isJoined)
        this.refuse(
          "a list that is changed otherwise than at its end",
          "use t[#t + 1] = v, and table.concat once",
        );
      appendToRope(this.self, object.object, value);
    } else if (object.kind === "local") {
      if (constant === undefined && key.kind === "int") this.shared.learnRope(object.object.site);
      if (
        constant === undefined ||
        (typeof constant.value !== "string" && typeof constant.value !== "number")
      )
        this.refuse(
          "a table made for one packet with a key that depends on the packet",
          "use constant keys, or variables",
        );
      this.#assignField(object.object, constant.value, value);
    } else if (object.kind === "dynamic") {
      if (typeof constant?.value === "string") writeField(this.self, object, constant.value, value);
      else writeEntry(this.self, object, key, value);
    } else if (object.kind === "table") {
      const { table } = object;
      const { state } = this.shared;
      if (table.metatable?.get("__newindex") !== undefined)
        this.refuse("a change of a table with __newindex", "keep what changes in a table without it");
      const slot = constant === undefined ? undefined : state.slotOfField(table, constant.value);
      if (slot !== undefined) writeSlot(this.self, slot, value);
      else if (typeof constant?.value === "string") state.makeFieldSlot(table, constant.value);
      else state.makeDynamic(table);
    } else if (object.kind === "object" && isSharedTable(object.userdata))
      writeShared(this.self, object.userdata.object, key, value, name);
    else this.fail(`attempt to index a ${nameOfType(object)} value${name === undefined ? "" : ` (${name})`}`);
  }

  #assignField(object: LocalObject, key: string | number, value: Abstract): void {
    const given = typeof key === "string" ? object.given?.get(key) : undefined;
    if (given !== undefined) {
      given.assign(value);
      return;
    }
    let cell = object.fields.get(key);
    if (cell === undefined) {
      cell = new Cell(`${object.key}.${key}`, "field");
      object.fields.set(key, cell);
    }
    this.cells.set(cell, value);
    if (typeof key !== "number") return;
    const length = this.constantOf(((this.cells.get(object.length) ?? int(0n)) as Int).value);
    if (length === undefined) this.shared.learnRope(object.site);
    if (BigInt(key) === length + 1n && value.kind !== "nil") this.cells.set(object.length, int(length + 1n));
    else if (BigInt(key) === length && value.kind === "nil") this.cells.set(object.length, int(length - 1n));
  }
}

/** What messages call a value: objects by the name of their class. */
const nameOfType = (value: Single): string =>
  value.kind === "object" ? describeType(value.userdata) : typeOf(value);

/** An operator that gives a boolean. */
const isCondition = (e: Expression): boolean =>
  (e.kind === "binary" && ["==", "~=", "<", "<=", ">", ">="].includes(e.op)) ||
  (e.kind === "unary" && e.op === "not");
