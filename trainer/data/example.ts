/**
 * An example as a person wrote it, in one of three shapes, and how a row of JSON becomes one. Pure.
 * A row that does not fit is an error with its reason, never a guess.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { DataFormat } from "../contract/settings.ts";

export interface Message {
  role: string;
  content: string;
}

export type Example =
  | { kind: "messages"; messages: readonly Message[] }
  | { kind: "promptCompletion"; prompt: string; completion: string }
  | { kind: "text"; text: string };

/** Why a row cannot be used; file and line are added by who reads it. */
export class RowError extends Error {}

const text = z.string().max(16_777_216);

const rows = {
  Messages: z.object({
    messages: z
      .array(z.object({ role: z.enum(["system", "user", "assistant"]), content: text }))
      .min(1)
      .max(4096),
  }),
  PromptCompletion: z.object({ prompt: text, completion: text.min(1) }),
  Text: z.object({ text: text.min(1) }),
};

type NamedFormat = Exclude<DataFormat, "Auto">;

/** The format whose fields a row has. */
export function detectFormat(row: unknown): NamedFormat {
  const has = (field: string) => typeof row === "object" && row !== null && field in row;
  if (has("messages")) return "Messages";
  if (has("prompt") && has("completion")) return "PromptCompletion";
  if (has("text")) return "Text";
  throw new RowError("has none of the fields messages, prompt and completion, or text: its format cannot be detected");
}

/** Reads a row in a format. Throws `RowError`. */
export function readExample(row: unknown, format: NamedFormat): Example {
  switch (format) {
    case "Messages": {
      const { messages } = check(rows.Messages, row);
      return { kind: "messages", messages };
    }
    case "PromptCompletion": {
      const { prompt, completion } = check(rows.PromptCompletion, row);
      return { kind: "promptCompletion", prompt, completion };
    }
    case "Text":
      return { kind: "text", text: check(rows.Text, row).text };
  }
}

function check<T>(schema: z.ZodType<T>, row: unknown): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new RowError(`${issue.path.join(".") || "the row"}: ${issue.message}`);
}

/** All words of an example, in lower case, Unicode NFKC, with single spaces: what makes two examples copies. */
export function normalisedText(example: Example): string {
  const words = (parts: readonly string[]) =>
    parts.map((part) => part.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim()).join("\n");
  switch (example.kind) {
    case "messages":
      return words(example.messages.map(({ role, content }) => `${role}: ${content}`));
    case "promptCompletion":
      return words([example.prompt, example.completion]);
    case "text":
      return words([example.text]);
  }
}

/** SHA-256 of the normalised text. */
export function textHash(example: Example): Buffer {
  return createHash("sha256").update(normalisedText(example)).digest();
}

/** Whether the example with this hash is held out for validation: the hash's first 32 bits as a share of 2³². */
export function isHeldOut(hash: Buffer, fraction: number): boolean {
  return hash.readUInt32BE(0) < fraction * 2 ** 32;
}
