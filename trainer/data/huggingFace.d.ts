/**
 * Types of the used parts of Hugging Face's Jinja interpreter. Its own declarations import each other without file
 * extensions, which Node's module resolution does not find, so every type would be `any`.
 */
declare module "@huggingface/jinja" {
  export interface Program {
    readonly type: "Program";
  }
  export function tokenize(
    source: string,
    options: { lstrip_blocks: boolean; trim_blocks: boolean },
  ): readonly object[];
  export function parse(tokens: readonly object[]): Program;
  export interface RuntimeValue {
    /** StringValue, IntegerValue, FloatValue, BooleanValue, NullValue, UndefinedValue, ArrayValue, ObjectValue, …. */
    readonly type: string;
    /** A string, a number, a boolean, null, undefined, a Map or a list of runtime values, or a function. */
    value: unknown;
  }
  export interface FunctionValue extends RuntimeValue {
    value: (args: readonly { readonly value: unknown }[]) => RuntimeValue;
  }
  export class Environment {
    /** Names that are missing here are looked up in the parent. */
    constructor(parent?: Environment);
    /** Sets a function of plain values; its result is converted to a runtime value. */
    set(name: string, value: (...args: never[]) => unknown): FunctionValue;
    /** Returns the converted value. Throws if the name is already set here. */
    set(name: string, value: unknown): RuntimeValue;
    /** Replaces the value of a name. */
    setVariable(name: string, value: RuntimeValue): RuntimeValue;
  }
  export interface Node {
    readonly type: string;
  }
  export interface Operation extends Node {
    readonly operator: { readonly value: string };
    readonly left: Node;
    readonly right: Node;
  }
  export interface Call extends Node {
    /** A member of an object, or a name, which has none of these members. */
    readonly callee: Node & {
      readonly object?: Node;
      readonly property?: Node & { readonly value?: unknown };
      readonly computed?: boolean;
    };
    readonly args: readonly Node[];
  }
  export interface Member extends Node {
    readonly object: Node;
    readonly property: Node & { readonly value?: unknown };
  }
  /** A filter's name, or a call of it with arguments. */
  export interface Filter extends Node {
    readonly value?: string;
    readonly callee?: Node & { readonly value?: string };
    readonly args?: readonly Node[];
  }
  export class Interpreter {
    constructor(environment: Environment);
    run(program: Program): RuntimeValue;
    evaluate(node: Node, scope: Environment): RuntimeValue;
    evaluateBlock(statements: readonly Node[], scope: Environment): RuntimeValue;
    evaluateMemberExpression(node: Member, scope: Environment): RuntimeValue;
    applyFilter(operand: RuntimeValue, node: Filter, scope: Environment): RuntimeValue;
    /** Positional and named arguments. */
    evaluateArguments(args: readonly Node[], scope: Environment): [RuntimeValue[], Map<string, RuntimeValue>];
    evaluateBinaryExpression(node: Operation, scope: Environment): RuntimeValue;
    evaluateCallExpression(node: Call, scope: Environment): RuntimeValue;
  }
}
