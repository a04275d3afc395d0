/** A conversation without its oldest turns. A turn is a question with all that follows it up to the next one. Pure. */
import type { Example } from "../rows/example.ts";

export type Conversation = Extract<Example, { kind: "messages" }>;

/** The conversation without its first turn, its first two, and so on, up to its last one; system messages stay. */
export function shortenings(example: Conversation): Conversation[] {
  const { messages } = example;
  const head = messages.findIndex(({ role }) => role !== "system");
  const begins = messages.flatMap(({ role }, index) =>
    role === "user" && index > head && messages[index - 1]!.role !== "user" ? [index] : [],
  );
  return begins.map((start) => without(example, head, start));
}

function without(example: Conversation, head: number, start: number): Conversation {
  const { messages, untrained, context } = example;
  const removed = start - head;
  return {
    ...example,
    messages: [...messages.slice(0, head), ...messages.slice(start)],
    ...(untrained && { untrained: untrained.filter((index) => index >= start).map((index) => index - removed) }),
    ...(context !== undefined && { context: Math.max(head, context - removed) }),
  };
}
