/**
 * The normalised text of an example (lower case, Unicode NFKC, single spaces) and its hash. Two examples with the same
 * normalised text are duplicates. The hash decides which examples are held out, repeated and counted.
 */
import { hash } from "node:crypto";
import type { Answered, Conversation, Example, Message } from "../rows/example.ts";
import { TextUnits } from "./textUnits.ts";

/** The first 128 bits of the SHA-256 of the normalised text, as 32-bit numbers. Each has a different purpose. */
export type TextHash = readonly [heldOut: number, copies: number, keyHigh: number, keyLow: number];

export function textHash(example: Example): TextHash {
  const digest = hash("sha256", normalisedText(example), "buffer");
  return [digest.readUInt32BE(0), digest.readUInt32BE(4), digest.readUInt32BE(8), digest.readUInt32BE(12)];
}

/** The text of an example without system messages and tools, which many examples share. Valid until the next call. */
export function ownText(example: Example): Uint8Array {
  switch (example.kind) {
    case "text":
      return normalisedText(example);
    case "messages":
    case "promptCompletion":
      return normalisedText(owned(example));
    case "preference":
      return normalisedText({ ...example, chosen: owned(example.chosen), rejected: owned(example.rejected) });
    case "labelled":
      return normalisedText({ ...example, answered: owned(example.answered) });
  }
}

function owned(example: Answered): Answered {
  if (example.kind === "promptCompletion") return example;
  return { kind: "messages", messages: example.messages.filter(({ role }) => role !== "system") };
}

/** Valid until the next call. */
function normalisedText(example: Example): Uint8Array {
  const text = reused.clear();
  switch (example.kind) {
    case "messages":
    case "promptCompletion":
      addAnswered(text, example);
      break;
    case "text":
      text.addLine(example.text);
      break;
    case "preference":
      addAnswered(text, example.chosen);
      text.addLine("rejected:");
      addAnswered(text, example.rejected);
      break;
    case "labelled":
      addAnswered(text, example.answered);
      text.addLine(example.isWanted ? "wanted" : "not wanted");
  }
  return text.bytes;
}

function addAnswered(text: NormalisedText, example: Answered): void {
  if (example.kind === "messages") {
    addConversation(text, example);
    return;
  }
  text.addLine(example.prompt);
  text.addLine(example.completion);
}

function addConversation(text: NormalisedText, { messages, tools }: Conversation): void {
  if (tools !== undefined) text.addLine("tools: ", JSON.stringify(tools));
  for (const message of messages) addMessage(text, message);
}

function addMessage(text: NormalisedText, { role, content, reasoning_content, tool_calls = [] }: Message): void {
  if (reasoning_content !== undefined) text.addLine("reasoning: ", reasoning_content);
  text.addLine(role, ": ", content ?? "");
  for (const call of tool_calls) text.addLine("calls: ", JSON.stringify(call.function));
}

/** Whether the example with this hash is held out for validation: the hash's first 32 bits as a share of 2³². */
export function isHeldOut([bits]: TextHash, fraction: number): boolean {
  return bits < fraction * 2 ** 32;
}

/**
 * How often an epoch uses the example with this hash in a source of this weight: the integer part of the weight, and
 * once more for a share of examples equal to its fraction, by the hash's second 32 bits (the first decide what is held
 * out).
 */
export function copiesOf([, bits]: TextHash, weight: number): number {
  const whole = Math.floor(weight);
  return whole + (bits < (weight - whole) * 2 ** 32 ? 1 : 0);
}

const blank = 0x20;
/** Normal form of each ASCII character: lower case, and a blank for white space. */
const folded = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /\s/.test(character) ? blank : character.toLowerCase().charCodeAt(0);
});
/** 1 for white space. */
const isBlank = folded.map((code) => (code === blank ? 1 : 0));

/** Memory above this size is freed after its text. */
const keptBytes = 1 << 18;

/** Lines in UTF-8, each normalised separately. */
class NormalisedText {
  readonly #units = new TextUnits();
  #bytes = Buffer.alloc(keptBytes);
  #length = 0;
  #lines = 0;

  /** Starts a new text. */
  clear(): this {
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.alloc(keptBytes);
    this.#length = 0;
    this.#lines = 0;
    return this;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Appends a line, passed in parts. */
  addLine(...parts: readonly string[]): void {
    if (this.#lines++ > 0) this.#append("\n");
    const start = this.#length;
    if (parts.every((part) => this.#appendAscii(part, start))) {
      if (this.#length > start && this.#bytes[this.#length - 1] === blank) this.#length--;
      return;
    }
    this.#length = start;
    this.#append(normalised(parts.join("")));
  }

  /** Fast path for ASCII. Returns false when `text` is not ASCII; the caller then overwrites its output. */
  #appendAscii(text: string, lineStart: number): boolean {
    this.#makeRoom(text.length);
    const units = this.#units.of(text);
    const bytes = this.#bytes;
    let at = this.#length;
    let all = 0;
    // White space at the start of a line, or after white space, is skipped.
    let afterBlank = at === lineStart ? 1 : isBlank[bytes[at - 1]!]!;
    for (let i = 0; i < text.length; i++) {
      const unit = units[i]!;
      all |= unit;
      bytes[at] = folded[unit & 0x7f]!;
      at += 1 - (afterBlank & isBlank[unit & 0x7f]!);
      afterBlank = isBlank[unit & 0x7f]!;
    }
    this.#length = at;
    return all < 0x80;
  }

  #append(text: string): void {
    this.#makeRoom(3 * text.length);
    this.#length += this.#bytes.write(text, this.#length);
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * (this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Replaces each run of white space by one blank. */
const gaps = /[^\S ]\s*| \s+/g;

const normalised = (text: string) => text.normalize("NFKC").toLowerCase().replace(gaps, " ").trim();

/** Memory that texts reuse. */
const reused = new NormalisedText();
