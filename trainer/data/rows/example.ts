/** A training example: a conversation, a prompt with its completion, a text, or a preference. rows.ts reads them. */
export type JsonValue = null | boolean | number | JsonFloat | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * A number written as a float without a fraction, such as 2.0. Python distinguishes it from the integer, so templates
 * write it unchanged.
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

/** A tool call of an answer. */
export interface ToolCall {
  readonly id?: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: JsonObject };
  /** The text of the arguments, if the data have it: some templates expect it instead of the object. */
  readonly written?: string;
}

/** A turn, with the member names of chat templates. */
export interface Message {
  readonly role: string;
  /** Null when an answer consists only of tool calls. */
  readonly content: string | null;
  readonly name?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly tool_call_id?: string;
}

export interface Conversation {
  readonly messages: readonly Message[];
  /** Descriptions of the available functions. */
  readonly tools?: readonly JsonObject[];
}

/** A prompt and its answer. */
export type Answered =
  | (Conversation & {
      kind: "messages";
      /** Indices of answers that the data exclude from the loss. */
      untrained?: readonly number[];
      /** Number of leading messages that form a prompt: their answers are not trained, unless every token is. */
      context?: number;
    })
  | { kind: "promptCompletion"; prompt: string; completion: string };

export type Example =
  | Answered
  | { kind: "text"; text: string }
  /** Two answers of one prompt. */
  | { kind: "preference"; chosen: Answered; rejected: Answered }
  /** An answer that is wanted or not. */
  | { kind: "labelled"; answered: Answered; isWanted: boolean };

/** The part of a sequence in a preference; `plain` elsewhere. A labelled answer is `chosen` if it is wanted, else `rejected`. */
export const answerRoles = { plain: 0, chosen: 1, rejected: 2 } as const;

/** The reason why a row is unusable; the reader adds file and line. The message never quotes the row. */
export class RowError extends Error {}

/** The row is valid, but truncation leaves no trained token, or drops it. */
export class OverlongError extends RowError {}

/** The row is valid but too long, and the settings refuse such rows. */
export class RefusedError extends RowError {}
