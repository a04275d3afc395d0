/**
 * Conversations in OpenAI's form: roles, contents, tool calls and their results, descriptions of tools. Members that a
 * text model cannot be trained on (pictures, sound, the older function calls) are refused by name. Pure.
 */
import { z } from "zod";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { JsonFloat, type JsonObject, type JsonValue, type Message, RowError, type ToolCall } from "./example.ts";
import { check, isEmpty, isRow, issueOf, longText, type RowFields } from "./rowFields.ts";
import { messagesOfTurns, type ReadMessages, type ReadTurn, speakerOf } from "./speakers.ts";
import { parseStrictly } from "./strictJson.ts";

const shortText = z.string().max(256);

/** `parameters`: Llama's name of the arguments. */
const named = z.object({
  name: shortText.min(1),
  arguments: z.unknown().optional(),
  parameters: z.unknown().optional(),
});
const textCall = named.extend({ id: shortText.nullish() });
const call = z.object({ id: shortText.nullish(), type: z.literal("function").nullish(), function: named });

const unsupported = (error: string) => z.custom<unknown>(isEmpty, { error }).optional();

const lossFlag = z
  .preprocess(
    (value) => (value instanceof JsonFloat ? value.value : value),
    z.union([z.literal(0), z.literal(1), z.boolean()], { error: "must be 0 or 1: whether the answer is learnt" }),
  )
  .nullish();

const partly = unsupported("learning parts of an answer is not supported; set weight to 0 or 1");

/** Whether a turn is trained, under its names in OpenAI's files (weight) and in those of other trainers. */
export const lossFlags = {
  weight: lossFlag,
  loss: lossFlag,
  train: lossFlag,
  training: lossFlag,
  train_detail: partly,
  training_detail: partly,
};

type LossFlags = { readonly [Flag in "weight" | "loss" | "train" | "training"]?: 0 | 1 | boolean | null | undefined };

export const isUntrained = ({ weight, loss, train, training }: LossFlags) =>
  [weight, loss, train, training].some((flag) => flag === 0 || flag === false);

const onlyText = unsupported("cannot be trained on: only text can");

const message = z.object({
  role: z.string().max(64),
  content: z
    .union([longText, z.array(z.looseObject({ type: z.string() })).max(64)], {
      error: "must be a text, or a list of parts that each have a type",
    })
    .nullish(),
  name: shortText.nullish(),
  reasoning_content: longText.nullish(),
  thinking: longText.nullish(),
  reasoning: longText.nullish(),
  tool_calls: z.array(call).max(256).nullish(),
  tool_call_id: shortText.nullish(),
  ...lossFlags,
  function_call: unsupported("is of an older form: write tool_calls"),
  refusal: unsupported("is not an answer to train on"),
  audio: onlyText,
  images: onlyText,
  videos: onlyText,
  audios: onlyText,
});

type Given = z.infer<typeof message>;

/** Reads the messages of a row and records their unread members. Throws `RowError` that names message and member. */
export function messagesOf(given: readonly unknown[], field: string, seen: ColumnsSeen): ReadMessages {
  const turns = given.map((element, index): ReadTurn => {
    const at = `${field}.${index}`;
    if (!isRow(element)) throw new RowError(`${at}: must be an object with role and content`);
    const checked = check(message, element, at);
    noteMembers(element, message.shape, field, seen);
    return { ...messageOf(checked, field, at, seen), isUntrained: isUntrained(checked) };
  });
  return messagesOfTurns(turns, field);
}

/** Records the members of a turn that hold a value and that its schema does not read. */
export function noteMembers(element: unknown, known: object, field: string, seen: ColumnsSeen): void {
  if (!isRow(element)) return;
  for (const name of Object.keys(element)) {
    if (!Object.hasOwn(known, name) && !isEmpty(element[name])) seen.ignore(`${field}[].${name}`);
  }
}

function messageOf(given: Given, field: string, at: string, seen: ColumnsSeen): Omit<ReadTurn, "isUntrained"> {
  const { name, tool_call_id } = given;
  const speaker = speakerOf(given.role, `${at}.role`);
  // The same member under its successive names, in transformers' order.
  const reasoning = given.reasoning_content ?? given.thinking ?? given.reasoning;
  for (const one of given.tool_calls ?? []) noteCall(one, `${field}[].tool_calls`, seen);
  const calls = (given.tool_calls ?? []).map((one, index) => callOf(one, `${at}.tool_calls.${index}`));
  if (calls.length > 0 && speaker !== "assistant") throw new RowError(`${at}.tool_calls: only an answer calls tools`);
  const content = contentOf(given, calls.length > 0, at);
  if (speaker === "call") {
    const written = toolCallsOf(content ?? "", { at: `${at}.content`, field: `${field}[].content`, seen });
    return { message: { role: "assistant", content: "", tool_calls: written }, isCall: true };
  }
  const message: Message = {
    role: speaker,
    content,
    ...(typeof name === "string" && { name }),
    ...(typeof reasoning === "string" && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(typeof tool_call_id === "string" && { tool_call_id }),
  };
  return { message, isCall: false };
}

function contentOf({ content }: Given, callsTools: boolean, at: string): string | null {
  if (typeof content === "string") return content;
  if (content === undefined || content === null) {
    if (callsTools) return null;
    throw new RowError(`${at}.content: is missing`);
  }
  const [part, ...others] = content;
  const other = content.find(({ type }) => type !== "text");
  if (other)
    throw new RowError(
      `${at}.content: a part of ${typeName(other.type)} cannot be trained on: leave such rows out, or write the text alone`,
    );
  if (part === undefined || others.length > 0 || typeof part.text !== "string") {
    throw new RowError(`${at}.content: must be a text, or one part with a text; how parts are joined is not certain`);
  }
  return part.text;
}

const knownTypes = ["image_url", "image", "input_audio", "audio", "video_url", "video", "file"];

/** Messages never quote a row, so only well-known types are named. */
const typeName = (type: string) => (knownTypes.includes(type) ? `type ${type}` : "another type than text");

function callOf(given: z.infer<typeof call>, at: string): ToolCall {
  const { name, parameters, arguments: own } = given.function;
  if (!isEmpty(parameters) && !isEmpty(own))
    throw new RowError(`${at}.function: has both arguments and parameters; keep one of them`);
  const written = isEmpty(parameters) ? own : parameters;
  if (written === undefined) throw new RowError(`${at}.function.arguments: is missing`);
  const value = typeof written === "string" ? parseStrictly(written, `${at}.function.arguments`) : written;
  return {
    ...(typeof given.id === "string" && { id: given.id }),
    type: "function",
    function: { name, arguments: objectOf(value ?? {}, `${at}.function.arguments`) },
    ...(typeof written === "string" && { written }),
  };
}

/** Records the members of a call that are not read. */
function noteCall(given: unknown, field: string, seen: ColumnsSeen): void {
  noteMembers(given, call.shape, field, seen);
  if (isRow(given)) noteMembers(given.function, named.shape, `${field}[].function`, seen);
}

interface Written {
  readonly at: string;
  readonly field: string;
  readonly seen: ColumnsSeen;
}

/**
 * Calls that are written as a text: JSON, {name, arguments}, OpenAI's object around it, or a list of them; also in the tags of
 * Hermes.
 */
export function toolCallsOf(text: string, { at, field, seen }: Written): ToolCall[] {
  const parts = [...text.matchAll(/<tool_call>([\s\S]*?)<\/tool_call>/g)].map(([, part = ""]) => part.trim());
  const isTagged = parts.length > 0 && text.replaceAll(/<tool_call>[\s\S]*?<\/tool_call>/g, "").trim() === "";
  return (isTagged ? parts : [text]).flatMap((part) => callsIn(part, { at, field, seen }));
}

function callsIn(text: string, { at, field, seen }: Written): ToolCall[] {
  const value = parseStrictly(text, at);
  const calls: unknown[] = Array.isArray(value) ? value : [value];
  return calls.map((one, index) => {
    const place = Array.isArray(value) ? `${at}.${index}` : at;
    if (isRow(one) && isRow(one.function)) {
      noteCall(one, field, seen);
      return callOf(check(call, one, place), place);
    }
    noteMembers(one, { ...named.shape, id: true }, field, seen);
    const parsed = textCall.safeParse(one);
    if (!parsed.success) throw new RowError(issueOf(parsed.error, place));
    const { id, ...described } = parsed.data;
    return callOf({ id, function: described }, at);
  });
}

/** The tools of a row: a list of objects, or the same as JSON text, as flat tables store it. */
export function toolsOf(given: unknown): JsonObject[] {
  if (given === undefined || given === null || given === "") return [];
  const list = typeof given === "string" ? parseStrictly(given, "tools") : given;
  if (list === null) return [];
  if (!Array.isArray(list) || list.length > 1024) throw new RowError("tools: must be a list of at most 1024 tools");
  return list.map((tool, index) => objectOf(tool, `tools.${index}`));
}

/** The tools of a row in any form: those of ShareGPT's and Alpaca's are wrapped, OpenAI's stay as they are. */
export function toolsBeside(fields: RowFields): JsonObject[] {
  const tools = toolsOf(fields.get("tools"));
  return fields.has("conversations") || fields.has("instruction") ? tools.map(wrappedTool) : tools;
}

/** A tool in OpenAI's form, which templates and servers expect; ShareGPT data omit the outer object. */
export function wrappedTool(tool: JsonObject): JsonObject {
  if (isRow(tool.function)) return { type: "function", ...tool };
  const { type, ...described } = tool;
  return { type: "function", function: type === "function" ? described : tool };
}

function objectOf(value: unknown, at: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof JsonFloat)
    throw new RowError(`${at}: must be an object`);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, jsonOf(member, at)]));
}

/** The row's parser bounds the depth. An integer beyond 2⁵³ would change its value in the example. */
function jsonOf(value: unknown, at: string): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (value instanceof JsonFloat) return value;
  if (typeof value === "number") {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new RowError(`${at}: holds a number beyond 2⁵³, which would be altered: write it as a text`);
    }
    return value;
  }
  if (Array.isArray(value)) return value.map((element) => jsonOf(element, at));
  return objectOf(value, at);
}
