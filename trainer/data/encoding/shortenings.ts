/** An example without its oldest turns. A turn is a question with all that follows it up to the next one. Pure. */
import type { Answered, Example } from "../rows/example.ts";

type Conversation = Extract<Example, { kind: "messages" }>;

/** The example without its first turn, its first two, and so on; empty where it has no turns to leave out. */
export function shorteningsOf(example: Example): Example[] {
  switch (example.kind) {
    case "messages":
      return shortenings(example);
    case "preference": {
      const [chosen, rejected] = [promptShortenings(example.chosen), promptShortenings(example.rejected)];
      return chosen
        .slice(0, rejected.length)
        .map((one, index) => ({ ...example, chosen: one, rejected: rejected[index]! }));
    }
    case "labelled":
      return promptShortenings(example.answered).map((answered) => ({ ...example, answered }));
    case "promptCompletion":
    case "text":
      return [];
  }
}

/** The shortenings that keep the whole answer. */
function promptShortenings(example: Answered): Answered[] {
  if (example.kind !== "messages") return [];
  const answer = ({ messages, context = 0 }: Conversation) => messages.length - context;
  return shortenings(example).filter((shorter) => answer(shorter) === answer(example));
}

/** The conversation without its first turn, its first two, and so on, up to its last one; system messages stay. */
function shortenings(example: Conversation): Conversation[] {
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
