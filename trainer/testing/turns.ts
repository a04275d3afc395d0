/** Turns of conversations, and the examples that rows of them become. */

export const user = (content: string) => ({ role: "user", content });
export const answer = (content: string) => ({ role: "assistant", content });

export const conversation = (messages: unknown[], rest: object = {}) => ({ kind: "messages", messages, ...rest });

/** A tool in OpenAI's form, and a call of it. */
export const weather = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
export const call = { id: "c1", type: "function", function: { name: "weather", arguments: { city: "Ulm" } } };
