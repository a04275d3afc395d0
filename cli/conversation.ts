/** A chat with a model on a terminal or a pipe: reads lines and streams the answers. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { styleText } from "node:util";

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** Streams the answer to the last message in pieces, and passes those of the thoughts before it to `onThought`. */
export type Speaker = (
  messages: readonly Message[],
  signal: AbortSignal,
  onThought?: (piece: string) => void,
) => AsyncIterable<string>;

const words = "/new starts over, /quit or Ctrl-D ends";

export interface Talk {
  readonly input: Readable & { isTTY?: boolean };
  readonly output: Writable;
  readonly signal: AbortSignal;
  /** Must abort `signal`: a terminal in raw mode sends no SIGINT on Ctrl-C. */
  interrupt(): void;
}

/** Reads questions until the input ends or `signal` is aborted. */
export async function converse(speak: Speaker, { input, output, signal, interrupt }: Talk): Promise<void> {
  const terminal = input.isTTY === true;
  const lines = createInterface({ input, output, terminal, prompt: "you > " });
  lines.on("SIGINT", interrupt);
  signal.addEventListener("abort", () => lines.close(), { once: true });
  let open = true;
  lines.once("close", () => {
    open = false;
  });
  const prompt = () => {
    if (terminal && open) lines.prompt();
  };
  let messages: Message[] = [];
  if (terminal) output.write(`${words}\n`);
  prompt();
  for await (const line of lines) {
    const question = line.trim();
    if (question === "/quit") break;
    if (question === "/new") messages = [];
    else if (question !== "")
      messages = await ask(speak, [...messages, { role: "user", content: question }], { output, signal, terminal });
    if (signal.aborted) break;
    prompt();
  }
  lines.close();
}

async function ask(
  speak: Speaker,
  messages: readonly Message[],
  { output, signal, terminal }: Pick<Talk, "output" | "signal"> & { readonly terminal: boolean },
): Promise<Message[]> {
  const write = (text: string) => output.write(text);
  const content = await show(speak, messages, { write, print: (line) => write(`${line}\n`), signal, terminal });
  return [...messages, { role: "assistant", content }];
}

export interface Shown {
  readonly write: (text: string) => void;
  /** Receives a line that is no part of the answer. */
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** Whether thoughts are written, dimmed, before the answer. */
  readonly terminal: boolean;
}

/** Writes an answer and the end of its line. */
export async function show(
  speak: Speaker,
  messages: readonly Message[],
  { write, print, signal, terminal }: Shown,
): Promise<string> {
  let answer = "";
  let isThinking = false;
  const onThought = (piece: string) => {
    isThinking = true;
    if (terminal) write(styleText("dim", piece));
  };
  for await (const piece of speak(messages, signal, onThought)) {
    if (isThinking && terminal && piece !== "") write("\n\n");
    isThinking &&= piece === "";
    answer += piece;
    write(piece);
  }
  write("\n");
  if (isThinking && !signal.aborted) print("the thoughts took all tokens of the answer: raise --max-tokens");
  return answer;
}
