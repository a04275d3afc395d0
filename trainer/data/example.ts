/**
 * An example as it is trained on: a conversation, a prompt with its completion, or a text; and what makes two of them
 * copies. `rows.ts` reads them from rows of data. Pure.
 */
import { createHash } from "node:crypto";

export type JsonValue = null | boolean | number | JsonFloat | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * A number that is written as a float and has no fraction, as 2.0. Python keeps it apart from the integer, and so templates
 * write it as it stood.
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

/** An answer that asks for tools to be called; `arguments` as an object, which is what chat templates expect. */
export interface ToolCall {
  readonly id?: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: JsonObject };
}

/** A turn, with the names that chat templates know. */
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
    })
  | { kind: "promptCompletion"; prompt: string; completion: string }
  | { kind: "text"; text: string };

/** Why a row cannot be used; file and line are added by who reads it. */
export class RowError extends Error {}

/** All words of an example, in lower case, Unicode NFKC, with single spaces: what makes two examples copies. */
export function normalisedText(example: Example): string {
  switch (example.kind) {
    case "messages":
      return words([...toolLines(example), ...example.messages.flatMap(messageLines)]);
    case "promptCompletion":
      return words([example.prompt, example.completion]);
    case "text":
      return words([example.text]);
  }
}

const words = (parts: readonly string[]) => parts.map(normalised).join("\n");

function normalised(text: string): string {
  // ASCII is its own normal form, and to find that out is quick.
  const composed = /[^\0-\x7f]/.test(text) ? text.normalize("NFKC") : text;
  return composed.toLowerCase().replace(/\s+/g, " ").trim();
}

const toolLines = ({ tools }: Conversation) => (tools === undefined ? [] : [`tools: ${JSON.stringify(tools)}`]);

function messageLines({ role, content, reasoning_content, tool_calls }: Message): string[] {
  return [
    ...(reasoning_content === undefined ? [] : [`reasoning: ${reasoning_content}`]),
    `${role}: ${content ?? ""}`,
    ...(tool_calls ?? []).map((call) => `calls: ${JSON.stringify(call.function)}`),
  ];
}

/** The first 128 bits of the SHA-256 of the normalised text, as 32-bit numbers. Each is used for another thing. */
export type TextHash = readonly [heldOut: number, copies: number, keyHigh: number, keyLow: number];

export function textHash(example: Example): TextHash {
  const digest = createHash("sha256").update(normalisedText(example)).digest();
  return [digest.readUInt32BE(0), digest.readUInt32BE(4), digest.readUInt32BE(8), digest.readUInt32BE(12)];
}

/** Whether the example with this hash is held out for validation: the hash's first 32 bits as a share of 2³². */
export function isHeldOut([bits]: TextHash, fraction: number): boolean {
  return bits < fraction * 2 ** 32;
}

/**
 * How often an epoch sees the example with this hash in a source of this weight: the whole part of the weight, and once
 * more for the share of examples that its fraction says, by the hash's second 32 bits (the first decide what is held out).
 */
export function copiesOf([, bits]: TextHash, weight: number): number {
  const whole = Math.floor(weight);
  return whole + (bits < (weight - whole) * 2 ** 32 ? 1 : 0);
}
