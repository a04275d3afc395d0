/**
 * The parts of Hugging Face's libraries that are used here, as they are typed by themselves. Their own declarations
 * import each other without file endings, which Node's module resolution does not find: all of it would be `any`.
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
    /** What it does not have is looked for in its parent. */
    constructor(parent?: Environment);
    /** A function takes what the values hold, and gives what becomes a value. */
    set(name: string, value: (...args: never[]) => unknown): FunctionValue;
    /** Gives the value as the language has it. Throws when the name has a value here. */
    set(name: string, value: unknown): RuntimeValue;
    /** Gives a name another value. */
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
    /** A member of an object, or a name, which has none of these. */
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
  /** A name, or a call of one with arguments. */
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
    /** Those that have no name, and those that have one. */
    evaluateArguments(args: readonly Node[], scope: Environment): [RuntimeValue[], Map<string, RuntimeValue>];
    evaluateBinaryExpression(node: Operation, scope: Environment): RuntimeValue;
    evaluateCallExpression(node: Call, scope: Environment): RuntimeValue;
  }
}

declare module "@huggingface/tokenizers" {
  export interface AddedToken {
    readonly content: string;
    readonly id: number;
    readonly lstrip: boolean;
    readonly rstrip: boolean;
    readonly special: boolean;
    readonly normalized: boolean;
  }

  export class PreTokenizer {
    pre_tokenize(text: string): string[];
    /** What `pre_tokenize` does with one text. */
    pre_tokenize_text: (text: string, options?: object) => string[];
  }

  export class DigitsPreTokenizer extends PreTokenizer {
    readonly config: { readonly individual_digits?: boolean };
  }

  export class MetaspacePreTokenizer extends PreTokenizer {
    /** One character. */
    readonly replacement: string;
  }

  export class ByteLevelPreTokenizer extends PreTokenizer {
    readonly config: object;
    readonly add_prefix_space: boolean;
    readonly use_regex: boolean;
    /** Where `use_regex` is set: what words are. */
    pattern: RegExp;
    /** The character that stands for each byte. */
    readonly byte_encoder: Readonly<Record<number, string>>;
    constructor(config: object);
  }

  export class SplitPreTokenizer extends PreTokenizer {
    readonly config: {
      readonly behavior?: string;
      readonly invert?: boolean;
      readonly pattern?: { readonly Regex?: string };
    };
    readonly pattern: RegExp | null;
    constructor(config: object);
    constructor(config: object);
  }

  export class SequencePreTokenizer extends PreTokenizer {
    readonly tokenizers: readonly (PreTokenizer | null)[];
  }

  export class Decoder {}

  export class SequenceDecoder extends Decoder {
    readonly decoders: readonly (Decoder | null)[];
  }

  export class ByteFallbackDecoder extends Decoder {
    text_decoder: { decode(bytes: Uint8Array): string };
  }

  interface Model {
    /** Of tokenizer.json. */
    readonly config: object;
    readonly fuse_unk: boolean;
    readonly unk_token_id?: number;
    encode(words: readonly string[]): string[];
  }

  export class Tokenizer {
    readonly normalizer: ((text: string) => string) | null;
    readonly pre_tokenizer: PreTokenizer | null;
    readonly decoder: Decoder | null;
    model: Model;
    constructor(tokenizer: object, config: object);
    /** An id is undefined for a token that is not in the vocabulary where there is no unknown token. */
    encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[]; tokens: string[] };
    decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
    token_to_id(token: string): number | undefined;
    get_added_tokens_decoder(): ReadonlyMap<number, AddedToken>;
  }
}
