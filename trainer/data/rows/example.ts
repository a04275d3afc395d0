/** A training example: a conversation, a prompt with its completion, or a text. rows.ts reads them. */
export type JsonValue = null | boolean | number | JsonFloat | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * A float without a fraction, such as 2.0. Python distinguishes it from the integer, so templates must print it unchanged.
 */
export class JsonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  toJSON(): number {
    return this.value;
  }
}

/** An answer that calls tools. */
export interface ToolCall {
  readonly id?: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: JsonObject };
  /** The text of the arguments, where the data have one: some templates take it instead of the object. */
  readonly written?: string;
}

/** A turn, with the member names of chat templates. */
export interface Message {
  readonly role: string;
  /** Null where an answer consists of tool calls alone. */
  readonly content: string | null;
  readonly name?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly tool_call_id?: string;
}

export interface Conversation {
  readonly messages: readonly Message[];
  /** Descriptions of the functions that may be called. */
  readonly tools?: readonly JsonObject[];
}

export type Example =
  | (Conversation & {
      kind: "messages";
      /** Indices of answers that carry no loss, where the data say so. */
      untrained?: readonly number[];
      /** The first messages, so many, are a prompt: their answers are not learnt, unless every token is. */
      context?: number;
    })
  | { kind: "promptCompletion"; prompt: string; completion: string }
  | { kind: "text"; text: string };

/** The fault of an unusable row; the reader adds file and line. The message never quotes the row's content. */
export class RowError extends Error {}

/** The row is valid, but truncation would leave nothing to learn. */
export class OverlongError extends RowError {}
