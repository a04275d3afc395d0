/** Lists of turns as rows hold them, and the conversations that they form. Pure. */
import { z } from "zod";
import type { Columns } from "../../contract/settings.ts";
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Answered, type JsonObject, type Message, RowError } from "./example.ts";
import { messagesOf } from "./messages.ts";
import { check, isEmpty, isRow, ownMember, type Row, type RowFields, unwritten } from "./rowFields.ts";
import { turnsOf } from "./shareGpt.ts";
import type { ReadMessages } from "./speakers.ts";
import { parseStrictly } from "./strictJson.ts";

const list = z.array(z.unknown()).min(1).max(1024);

/**
 * A turn or a list of them that a table holds as JSON text, where a text may stand too; other values as they are. JSON whose
 * members are not those of turns is a text.
 */
export function unwrittenTurns(value: unknown, columns: Columns): unknown {
  if (typeof value !== "string" || !/^\s*(\[\s*)?\{/.test(value)) return value;
  const parsed = parsedOrNothing(value);
  const turns = Array.isArray(parsed) ? parsed : [parsed];
  const { role, content, from, value: spoken } = namesOf(columns);
  const isTurn = (turn: unknown) =>
    isRow(turn) &&
    [
      [role, content],
      [from, spoken],
    ].some(([speaker, text]) => typeof ownMember(turn, speaker!) === "string" && Object.hasOwn(turn, text!));
  return turns.length > 0 && turns.every(isTurn) ? parsed : value;
}

/** The members of turns, by their names in the data. */
const namesOf = ({ role = "role", content = "content", from = "from", value = "value" }: Columns) => ({
  role,
  content,
  from,
  value,
});

function parsedOrNothing(text: string): unknown {
  try {
    return parseStrictly(text, "");
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return undefined;
  }
}

/** The messages of a list, which a table holds as JSON text, in either form. Throws `RowError` that names turn and member. */
export function readTurns(given: unknown, field: string, columns: Columns, seen: ColumnsSeen): ReadMessages {
  const turns = renamed(given, field, columns);
  return readerOf(turns)(turns, field, seen);
}

/** The conversation of a row as the context of its answers; undefined without one. */
export function contextOf(fields: RowFields, columns: Columns, seen: ColumnsSeen): ReadMessages | undefined {
  const field = fields.has("conversations") && !isEmpty(fields.get("conversations")) ? "conversations" : "messages";
  const given = fields.get(field);
  return isEmpty(given) ? undefined : readTurns(given, field, columns, seen);
}

/** Throws `RowError` where two system messages contradict each other. `system`: "" for none. */
export function withSystem(given: ReadMessages, system: string): ReadMessages {
  const [first] = given.messages;
  if (system === "") return given;
  if (first?.role !== "system") {
    return {
      messages: [{ role: "system", content: system }, ...given.messages],
      untrained: given.untrained.map((index) => index + 1),
    };
  }
  if (first.content === system) return given;
  throw new RowError("system: differs from the system message at the start of the conversation; keep one of them");
}

/** The elements of a list, which a table holds as JSON text, with the members of turns under their own names. */
function renamed(given: unknown, field: string, columns: Columns): unknown[] {
  const elements = check(list, unwritten(given, field), field);
  const changes = Object.entries(namesOf(columns)).filter(([name, own]) => name !== own);
  if (changes.length === 0) return elements;
  return elements.map((element) => (isRow(element) ? renamedMembers(element, changes) : element));
}

function renamedMembers(row: Row, changes: readonly [name: string, own: string][]): Row {
  const owned = new Set(changes.map(([, own]) => own));
  return {
    ...Object.fromEntries(Object.entries(row).filter(([name]) => !owned.has(name))),
    ...Object.fromEntries(changes.map(([name, own]) => [name, ownMember(row, own)])),
  };
}

/**
 * Files have OpenAI's turns, {role, content}, in ShareGPT's list, ShareGPT's, {from, value}, in OpenAI's, and mixtures of
 * both names.
 */
function readerOf(turns: readonly unknown[]): typeof messagesOf {
  const isShareGpt = turns.some((turn) => isRow(turn) && (turn.from !== undefined || turn.value !== undefined));
  return isShareGpt ? turnsOf : messagesOf;
}

export interface Beside {
  /** "": none. */
  system?: string;
  tools?: readonly JsonObject[];
  untrained?: readonly number[];
}

/** Throws `RowError` where two system messages contradict each other. */
export function conversation(
  given: readonly Message[],
  { system = "", tools = [], untrained = [] }: Beside,
): Extract<Answered, { kind: "messages" }> {
  const whole = withSystem({ messages: [...given], untrained: [...untrained] }, system);
  return {
    kind: "messages",
    messages: whole.messages,
    ...(tools.length > 0 && { tools }),
    ...(whole.untrained.length > 0 && { untrained: whole.untrained }),
  };
}
