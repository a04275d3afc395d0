/**
 * The speakers of turns, by every name that data sets and trainers use for them: OpenAI's, ShareGPT's and FastChat's,
 * OpenAssistant's, LangChain's, and those of tool-calling sets (LLaMA-Factory, ms-swift, Hermes). Pure.
 */
import { type Message, RowError } from "./example.ts";

/** A role of templates, or an answer that consists only of calls, written as a text. */
export type Speaker = "system" | "user" | "assistant" | "tool" | "call";

const names: Readonly<Record<Speaker, readonly string[]>> = {
  // The newer name of the same role comes second.
  system: ["system", "developer"],
  user: ["user", "human", "input", "prompter"],
  assistant: ["assistant", "gpt", "model", "ai", "bot", "chatgpt", "bing", "bard", "output"],
  tool: ["tool", "observation", "tool_response", "function_response", "tool_result", "function", "ipython"],
  call: ["tool_call", "function_call"],
};

const speakers = new Map<string, Speaker>();
for (const speaker of ["system", "user", "assistant", "tool", "call"] as const) {
  for (const name of names[speaker]) speakers.set(name, speaker);
}

/** Capitals, spaces and hyphens of a name do not matter. Throws `RowError` for a name that is not known. */
export function speakerOf(name: string, at: string): Speaker {
  const speaker = speakers.get(name.trim().toLowerCase().replaceAll(/[- ]/g, "_"));
  if (speaker !== undefined) return speaker;
  throw new RowError(`${at}: must be one of ${[...speakers.keys()].join(", ")}: rename the speaker`);
}

export interface ReadMessages {
  messages: Message[];
  /** Indices of the messages that the data exclude from the loss. */
  untrained: number[];
}

/** A turn, and whether it holds only calls that were written as a text. */
export interface ReadTurn {
  readonly message: Message;
  readonly isCall: boolean;
  readonly isUntrained: boolean;
}

/**
 * The messages of turns. A turn of calls continues the answer before it, because a model writes its text and all its calls
 * as one answer. Throws `RowError` if only one of both is learnt.
 */
export function messagesOfTurns(turns: readonly ReadTurn[], field: string): ReadMessages {
  const messages: Message[] = [];
  const untrained: number[] = [];
  for (const [index, { message, isCall, isUntrained }] of turns.entries()) {
    const before = messages.at(-1);
    if (isCall && before?.role === "assistant") {
      if (turns[index - 1]?.isUntrained !== isUntrained)
        throw new RowError(`${field}.${index}: continues the answer before it; learn both turns or neither`);
      messages[messages.length - 1] = {
        ...before,
        tool_calls: [...(before.tool_calls ?? []), ...(message.tool_calls ?? [])],
      };
      continue;
    }
    if (isUntrained) untrained.push(messages.length);
    messages.push(message);
  }
  return { messages, untrained };
}
