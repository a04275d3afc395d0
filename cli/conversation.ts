/** A talk with a model on a terminal or a pipe: lines in, answers out as they come. */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** Answers the last message; what it says comes piece by piece. */
export type Speaker = (messages: readonly Message[], signal: AbortSignal) => AsyncIterable<string>;

const words = "/new starts over, /quit or Ctrl-D ends";

export interface Talk {
  readonly input: Readable & { isTTY?: boolean };
  readonly output: Writable;
  readonly signal: AbortSignal;
  /** Is to abort `signal`: a terminal that is read key by key makes no SIGINT of Ctrl-C. */
  interrupt(): void;
}

/** Reads questions until the input ends or `signal` is given. */
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
