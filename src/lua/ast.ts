/** The syntax tree. Every node keeps the position of the token that an error message should name. */

export interface Span {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in bytes. */
  readonly column: number;
}

export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "//"
  | "%"
  | "&"
  | "|"
  | "~"
  | "<<"
  | ">>"
  | ".."
  | "=="
  | "~="
  | "<"
  | "<="
  | ">"
  | ">="
  | "and"
  | "or";
export type UnaryOperator = "-" | "~" | "not" | "#";

/** A local variable, as scope.ts resolved it. */
export interface Variable {
  readonly name: string;
  /** Unique within the chunk. */
  readonly id: number;
  /** Its name in generated code. */
  readonly jsName: string;
  readonly attribute: "const" | "close" | undefined;
  /** Assigning to it is a compile error (loop variables, vararg tables, `<const>`, `<close>`). */
  readonly readOnly: boolean;
  readonly owner: FunctionBody;
  /** An inner function uses it. */
  captured: boolean;
  /** Assigned after its declaration. */
  assigned: boolean;
  /** Declared by `local function`: the function that it holds, when never assigned. */
  holds: FunctionBody | undefined;
  /** The compiler keeps it as two halves of 32 bits (wide.ts). */
  isWide: boolean;
  /** The literal that a `<const>` stands for. PUC Lua has no variable then, so messages do not name it. */
  literal: Expression | undefined;
  /** What the compiler knows of its value, when it is never assigned (emitter.ts). */
  known: object | undefined;
}

export interface FunctionBody extends Span {
  readonly kind: "function";
  /** Unique within the chunk; the main chunk is 0. */
  readonly id: number;
  readonly name: string;
  parameters: Variable[];
  isVararg: boolean;
  /** `...t` */
  varargTable: Variable | undefined;
  body: Block;
  readonly parent: FunctionBody | undefined;
  /** Locals of enclosing functions that it, or a function inside, uses; in order of first use. */
  readonly upvalues: Variable[];
  endLine: number;
  /** Uses `...`. */
  usesVarargs: boolean;
}

export type Expression =
  | (Span & { readonly kind: "nil" | "true" | "false" | "vararg" })
  | (Span & { readonly kind: "integer"; readonly value: import("./value.ts").LuaInteger })
  | (Span & { readonly kind: "string"; readonly value: string })
  | (Span & { readonly kind: "local"; readonly variable: Variable })
  | (Span & { readonly kind: "global"; readonly name: string; readonly env: Expression })
  | (Span & { readonly kind: "index"; readonly object: Expression; readonly key: Expression })
  | CallExpression
  | FunctionBody
  | (Span & {
      readonly kind: "binary";
      readonly op: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    })
  | (Span & { readonly kind: "unary"; readonly op: UnaryOperator; readonly operand: Expression })
  | (Span & { readonly kind: "paren"; readonly inner: Expression })
  | (Span & { readonly kind: "table"; readonly items: readonly TableItem[] });

export interface CallExpression extends Span {
  readonly kind: "call";
  /** For `o:m()` the object; `method` is its name. */
  readonly callee: Expression;
  readonly method: string | undefined;
  readonly args: readonly Expression[];
}

export interface TableItem {
  /** Undefined for a positional item. */
  readonly key: Expression | undefined;
  readonly value: Expression;
}

export type Target = Extract<Expression, { kind: "local" | "global" | "index" }>;

export interface Block {
  readonly statements: Statement[];
}

export type Statement =
  | (Span & {
      readonly kind: "local";
      readonly variables: readonly Variable[];
      readonly values: readonly Expression[];
    })
  | (Span & { readonly kind: "localfunction"; readonly variable: Variable; readonly body: FunctionBody })
  | (Span & {
      readonly kind: "assign";
      readonly targets: readonly Target[];
      readonly values: readonly Expression[];
    })
  /** `global x, y = …`: assigns, and raises when a name already has a value. */
  | (Span & {
      readonly kind: "globalinit";
      readonly targets: readonly Target[];
      readonly values: readonly Expression[];
    })
  | (Span & { readonly kind: "callstat"; readonly call: CallExpression })
  | (Span & { readonly kind: "do"; readonly body: Block })
  | (Span & { readonly kind: "while"; readonly condition: Expression; readonly body: Block })
  | (Span & { readonly kind: "repeat"; readonly body: Block; readonly condition: Expression })
  | (Span & {
      readonly kind: "if";
      readonly clauses: readonly { condition: Expression; body: Block }[];
      readonly otherwise: Block | undefined;
    })
  | (Span & {
      readonly kind: "for";
      readonly variable: Variable;
      readonly start: Expression;
      readonly limit: Expression;
      readonly step: Expression | undefined;
      readonly body: Block;
    })
  | (Span & {
      readonly kind: "forin";
      readonly variables: readonly Variable[];
      readonly values: readonly Expression[];
      readonly body: Block;
    })
  | (Span & { readonly kind: "return"; readonly values: readonly Expression[] })
  | (Span & { readonly kind: "break" })
  | (Span & { readonly kind: "goto"; readonly label: string })
  | (Span & { readonly kind: "label"; readonly name: string });

/** A whole chunk: its main function, whose first upvalue is `_ENV`. */
export interface Chunk {
  readonly main: FunctionBody;
  readonly env: Variable;
  readonly functions: readonly FunctionBody[];
}
