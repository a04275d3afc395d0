/**
 * Examples as tokens, and which of them carry loss. Pure.
 *
 * An answer's tokens are found by rendering prefixes: the conversation up to the turn with the generation prompt, then
 * with the turn; what the second adds, up to and with the end-of-sequence token, is the answer. Turns are encoded one by
 * one, as they are when the model is asked. A template that renders a turn otherwise once more turns follow is refused.
 */
import type { DatasetSettings } from "../contract/effective.ts";
import type { ChatTemplate } from "./chatTemplate.ts";
import { type Example, type Message, RowError } from "./example.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface Encoded {
  tokens: Uint32Array;
  /** 1 where the token is to be learnt, i.e. predicted from those before it; never the first. */
  trained: Uint8Array;
}

export interface Codec {
  tokenizer: Tokenizer;
  /** Undefined when the model has none: then only prompt–completion and text examples can be encoded. */
  template: ChatTemplate | undefined;
}

interface Piece {
  text: string;
  trained: boolean;
}

type TrainOn = DatasetSettings["trainOn"];

/** Encodes an example whole. Throws `RowError` for one with nothing to learn. */
export function encodeExample(example: Example, trainOn: TrainOn, codec: Codec): Encoded {
  const pieces = piecesOf(example, trainOn, codec);
  const leading = example.kind === "messages" ? [] : codec.tokenizer.leadingIds;
  const encoded = pieces.map(({ text }) => codec.tokenizer.encode(text));
  const tokens = Uint32Array.from([leading, ...encoded].flat());
  const trained = new Uint8Array(tokens.length);
  let position = leading.length;
  for (const [index, ids] of encoded.entries()) {
    if (pieces[index]!.trained) trained.fill(1, position, position + ids.length);
    position += ids.length;
  }
  trained.fill(0, 0, 1);
  requireTrained(trained, "no token of it would be learnt: it has no answer");
  return { tokens, trained };
}

/** The first `limit` tokens. Throws `RowError` when nothing to learn is left. */
export function truncate({ tokens, trained }: Encoded, limit: number): Encoded {
  const cut = { tokens: tokens.subarray(0, limit), trained: trained.subarray(0, limit) };
  requireTrained(cut.trained, `no token of it would be learnt: its answer begins after ${limit} tokens`);
  return cut;
}

function requireTrained(trained: Uint8Array, reason: string): void {
  if (!trained.includes(1)) throw new RowError(reason);
}

function piecesOf(example: Example, trainOn: TrainOn, codec: Codec): Piece[] {
  const { eosToken } = codec.tokenizer.special;
  switch (example.kind) {
    case "messages":
      return conversationPieces(example.messages, trainOn, codec);
    case "promptCompletion":
      return [
        { text: example.prompt, trained: trainOn === "All" },
        { text: example.completion + eosToken, trained: true },
      ];
    case "text":
      return [{ text: example.text + eosToken, trained: true }];
  }
}

function conversationPieces(messages: readonly Message[], trainOn: TrainOn, codec: Codec): Piece[] {
  const template = requireTemplate(codec);
  const answers = messages.flatMap(({ role }, index) => (role === "assistant" ? [index] : []));
  const pieces: Piece[] = [];
  let done = "";
  for (const index of answers) {
    const prompt = template.render(messages.slice(0, index), true);
    const answered = template.render(messages.slice(0, index + 1), false);
    const context = rest(prompt, done, index);
    const turn = rest(answered, prompt, index);
    const end = endOfAnswer(turn, codec.tokenizer.special.eosToken);
    const learnt = trainOn !== "LastResponse" || index === answers.at(-1);
    pieces.push({ text: context, trained: trainOn === "All" }, { text: turn.slice(0, end), trained: learnt });
    done = prompt + turn.slice(0, end);
  }
  const tail = trainOn === "All" ? rest(template.render(messages, false), done, messages.length - 1) : "";
  if (tail !== "") pieces.push({ text: tail, trained: true });
  const { eosToken } = codec.tokenizer.special;
  // A template that writes no end-of-sequence token after the last answer: the model must learn to stop all the same.
  if (!(done + tail).trimEnd().endsWith(eosToken)) pieces.push({ text: eosToken, trained: true });
  return pieces;
}

function requireTemplate({ template }: Codec): ChatTemplate {
  if (template) return template;
  throw new RowError(
    "is a conversation, and the base model has no chat template (tokenizer_config.json, chat_template)",
  );
}

/** What `text` adds to `prefix`. */
function rest(text: string, prefix: string, turn: number): string {
  if (text.startsWith(prefix)) return text.slice(prefix.length);
  throw new RowError(
    `the chat template renders the turns before messages[${turn}] otherwise once it follows: what to learn is not certain`,
  );
}

/** One past the end-of-sequence token, or past the answer where the template writes none. */
function endOfAnswer(turn: string, eosToken: string): number {
  const at = turn.lastIndexOf(eosToken);
  return at < 0 ? turn.length : at + eosToken.length;
}

export interface Question {
  /** Tokens up to where the answer begins. */
  prompt: Uint32Array;
  reference: string;
}

/** A held-out example as a question and its answer. Throws `RowError` for one without. */
export function questionOf(example: Example, codec: Codec): Question {
  switch (example.kind) {
    case "text":
      throw new RowError("is plain text: an evaluation needs a conversation or a prompt and its completion");
    case "promptCompletion": {
      const prompt = [...codec.tokenizer.leadingIds, ...codec.tokenizer.encode(example.prompt)];
      return { prompt: Uint32Array.from(prompt), reference: example.completion };
    }
    case "messages": {
      const last = example.messages.at(-1)!;
      if (last.role !== "assistant")
        throw new RowError("its last message is not the assistant's: there is no reference");
      return { prompt: encodePrompt(example.messages.slice(0, -1), codec), reference: last.content };
    }
  }
}

/** A conversation up to where the assistant begins to speak. Throws `RowError`. */
export function encodePrompt(messages: readonly Message[], codec: Codec): Uint32Array {
  return Uint32Array.from(codec.tokenizer.encode(requireTemplate(codec).render(messages, true)));
}
