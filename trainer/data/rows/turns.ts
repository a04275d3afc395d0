/** Lists of turns as rows hold them, and the conversations that they form. Pure. */
import { z } from "zod";
import { type Answered, type JsonObject, type Message, RowError } from "./example.ts";
import { messagesOf } from "./messages.ts";
import { check, isRow, ownMember, type Row, unwritten } from "./rowFields.ts";
import { turnsOf } from "./shareGpt.ts";
import { parseStrictly } from "./strictJson.ts";

const list = z.array(z.unknown()).min(1).max(1024);

/**
 * A turn or a list of them that a table holds as JSON text, where a text may stand too; other values as they are. JSON whose
 * members are not those of turns is a text.
 */
export function unwrittenTurns(value: unknown, names: { readonly role: string; readonly content: string }): unknown {
  if (typeof value !== "string" || !/^\s*(\[\s*)?\{/.test(value)) return value;
  const parsed = parsedOrNothing(value);
  const turns = Array.isArray(parsed) ? parsed : [parsed];
  const isTurn = (turn: unknown) =>
    isRow(turn) &&
    [names, { role: "from", content: "value" }].some(
      ({ role, content }) => typeof ownMember(turn, role) === "string" && Object.hasOwn(turn, content),
    );
  return turns.length > 0 && turns.every(isTurn) ? parsed : value;
}

function parsedOrNothing(text: string): unknown {
  try {
    return parseStrictly(text, "");
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return undefined;
  }
}

/** The elements of a list, which a table holds as JSON text, with some of their members renamed. */
export function renamed(given: unknown, field: string, names: Readonly<Record<string, string>>): unknown[] {
  const elements = check(list, unwritten(given, field), field);
  const changes = Object.entries(names).filter(([name, own]) => name !== own);
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
export function readerOf(turns: readonly unknown[]): typeof messagesOf {
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
  const [first] = given;
  if (system !== "" && first?.role === "system" && first.content !== system) {
    throw new RowError("system: differs from the system message at the start of the conversation; keep one of them");
  }
  const added = system !== "" && first?.role !== "system" ? 1 : 0;
  const messages: readonly Message[] = added === 1 ? [{ role: "system", content: system }, ...given] : given;
  return {
    kind: "messages",
    messages,
    ...(tools.length > 0 && { tools }),
    ...(untrained.length > 0 && { untrained: untrained.map((index) => index + added) }),
  };
}
