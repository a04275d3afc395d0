/** A chat with a model on a terminal or a pipe: reads lines and streams the answers. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** Streams the answer to the last message in pieces. */
export type Speaker = (messages: readonly Message[], signal: AbortSignal) => AsyncIterable<string>;

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
      messages = await ask(speak, [...messages, { role: "user", content: question }], output, signal);
    if (signal.aborted) break;
    prompt();
  }
  lines.close();
}

async function ask(
  speak: Speaker,
  messages: readonly Message[],
  output: Writable,
  signal: AbortSignal,
): Promise<Message[]> {
  let answer = "";
  for await (const piece of speak(messages, signal)) {
    answer += piece;
    output.write(piece);
  }
  output.write("\n");
  return [...messages, { role: "assistant", content: answer }];
}
