/** The plain question and answer by whose rendering the parts of a template around every answer are found. */
import type { ChatTemplate } from "../template/chatTemplate.ts";

export const question = { role: "user", content: "Question" };

/** A word that no template changes or contains. */
export const answer = "Answer0f7e";

/** Undefined when the template cannot render them. */
export const renderedAnswer = (template: ChatTemplate): string | undefined =>
  template.tryRender({ messages: [question, { role: "assistant", content: answer }] }, false);
