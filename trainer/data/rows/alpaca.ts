/** Alpaca's rows: an instruction with an input, the turns before it, and the answer. Pure. */
import { z } from "zod";
import { type Example, type Message, RowError } from "./example.ts";
import { toolsOf, wrappedTool } from "./messages.ts";
import { check, isEmpty, longText, type RowFields, unwritten } from "./rowFields.ts";
import { conversation } from "./turns.ts";

const earlierTurns = z
  .array(z.tuple([longText, longText], { error: "must be a question and its answer, both texts" }))
  .max(512)
  .nullish();

/** The messages up to the question, which is instruction and input with a blank line between them. */
export function questionOf(fields: RowFields): Message[] {
  const instruction = fields.filledText("instruction");
  const input = fields.optionalText("input");
  const given = unwritten(fields.get("history"), "history");
  const history = isEmpty(given) ? [] : (check(earlierTurns, given, "history") ?? []);
  return [
    ...history.flatMap(([question, answer]): Message[] => [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ]),
    { role: "user", content: input === "" ? instruction : `${instruction}\n\n${input}` },
  ];
}

export function alpaca(fields: RowFields): Example {
  const question = questionOf(fields);
  return conversation([...question, { role: "assistant", content: fields.filledText("output") }], {
    system: fields.optionalText("system"),
    tools: toolsOf(fields.get("tools")).map(wrappedTool),
  });
}

const ofInstruction = ["history", "input"] as const;

/** Throws `RowError` for a row that has members of an instruction, but none. */
export function refuseWithoutInstruction(fields: RowFields): void {
  for (const field of ofInstruction) {
    if (!isEmpty(fields.get(field)))
      throw new RowError(`${field}: belongs to an instruction; name the question's field in columns.instruction`);
  }
}
