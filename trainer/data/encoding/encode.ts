/**
 * Examples as tokens, and which of them carry loss. Pure.
 *
 * An answer's tokens are found by rendering prefixes: the conversation up to the turn with the generation prompt, then
 * with the turn; what the second adds, up to and with the token that ends the turn, is the answer. So an answer is learnt
 * in the very context in which the model will be asked for it, encoded as it is encoded then.
 *
 * Where the context of an answer begins with all that came before, the conversation stays one sequence. Some templates
 * render earlier turns otherwise once more turns follow (Qwen 3 leaves out what was thought, Mistral moves the system
 * message to the last question): there the answer begins a sequence of its own. Each answer is learnt once, in either case.
 */
import type { DatasetSettings } from "../../contract/effective.ts";
import { type Conversation, type Example, RowError } from "../rows/example.ts";
import type { ChatTemplate } from "../template/chatTemplate.ts";
import { GrowableUint32 } from "../tokenizer/growable.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Tokens that are seen together, and by nothing else. */
export interface Encoded {
  tokens: Uint32Array;
  /** 1 where the token is to be learnt, i.e. predicted from those before it; never the first. */
  trained: Uint8Array;
  /** Tokens with those that were cut off, as far as they were encoded. */
  fullLength: number;
}

export interface EncodedExample {
  /** At least one, each with something to learn. */
  sequences: Encoded[];
  /** Whether something was cut off. */
  truncated: boolean;
}

export interface Codec {
  tokenizer: Tokenizer;
  /** Undefined when the model has none: then only prompt–completion and text examples can be encoded. */
  template: ChatTemplate | undefined;
}

export type TrainOn = DatasetSettings["trainOn"];

export interface EncodeOptions {
  trainOn: TrainOn;
  /** Of a sequence; what is longer is cut. */
  maxTokens: number;
  /** Encode what is cut off too, so that `fullLength` is how long the sequence would be. */
  measured?: boolean;
}

interface Piece {
  text: string;
  trained: boolean;
}

/** Throws `RowError` for an example with nothing to learn. */
export function encodeExample(example: Example, options: EncodeOptions, codec: Codec): EncodedExample {
  const leading = example.kind === "messages" ? [] : codec.tokenizer.leadingIds;
  const given = piecesOf(example, options.trainOn, codec);
  const encoded = given.map((pieces) => encodePieces(pieces, leading, options, codec.tokenizer));
  const sequences = encoded.filter(({ trained }) => trained.includes(1));
  const truncated = encoded.some((sequence) => sequence.truncated);
  if (sequences.length > 0) return { sequences, truncated };
  throw new RowError(
    truncated
      ? `no token of it would be learnt: its answer begins after ${options.maxTokens} tokens`
      : "no token of it would be learnt: it has no answer",
  );
}

/** The sequences of an example, in pieces of text. */
function piecesOf(example: Example, trainOn: TrainOn, codec: Codec): Piece[][] {
  const { eosToken } = codec.tokenizer.special;
  switch (example.kind) {
    case "messages":
      return conversationPieces(example, trainOn, codec);
    case "promptCompletion":
      return [
        [
          { text: example.prompt, trained: trainOn === "All" },
          { text: example.completion + eosToken, trained: true },
        ],
      ];
    case "text":
      return [[{ text: example.text + eosToken, trained: true }]];
  }
}

/** Tokens of the sequence that is being encoded. */
const reused = new GrowableUint32();

/** Each piece is encoded by itself; what is over the limit is cut. */
function encodePieces(
  pieces: readonly Piece[],
  leading: readonly number[],
  { maxTokens: limit, measured }: EncodeOptions,
  tokenizer: Tokenizer,
): Encoded & { truncated: boolean } {
  const ids = reused;
  ids.length = 0;
  for (const id of leading) ids.push(id);
  const learnt: [number, number][] = [];
  let truncated = false;
  let before = "";
  for (const { text, trained } of pieces) {
    const start = ids.length;
    if (start < limit || measured) tokenizer.append(text, ids, before);
    else truncated ||= text !== "";
    before = text || before;
    if (trained) learnt.push([start, ids.length]);
  }
  truncated ||= ids.length > limit;
  const tokens = ids.values().slice(0, limit);
  const trained = new Uint8Array(tokens.length);
  for (const [start, end] of learnt) trained.fill(1, start, end);
  // Nothing comes before the first token that it could be predicted from.
  trained.fill(0, 0, 1);
  return { tokens, trained, fullLength: ids.length, truncated };
}

type Messages = Extract<Example, { kind: "messages" }>;

/** An answer in the rendering that ends with it. */
interface Answer {
  /** The prompt, and then the turn. */
  rendered: string;
  start: number;
  end: number;
  learnt: boolean;
}

function conversationPieces(example: Messages, trainOn: TrainOn, codec: Codec): Piece[][] {
  const template = requireTemplate(codec);
  const indices = example.messages.flatMap(({ role }, index) => (role === "assistant" ? [index] : []));
  const chosen = trainOn === "LastResponse" ? indices.slice(-1) : indices;
  const render = template.prefixesOf(example);
  const sequences = chained(chosen.map((index) => answerAt(example, index, render, codec.tokenizer)));
  const { eosToken } = codec.tokenizer.special;
  if (trainOn === "All") {
    return [withEnd(wholePieces(example, sequences, render(example.messages.length, false)), eosToken)];
  }
  return sequences.map((answers) => withEnd(answerPieces(answers, false), eosToken));
}

/** Throws `RowError` when the answer's begin is not certain. */
function answerAt(
  { untrained }: Messages,
  index: number,
  render: ReturnType<ChatTemplate["prefixesOf"]>,
  tokenizer: Tokenizer,
): Answer {
  const prompt = render(index, true);
  const rendered = render(index + 1, false);
  if (!rendered.startsWith(prompt)) {
    throw new RowError(
      `the chat template does not begin the answer messages[${index}] as it asks for one, so what to learn is not certain (some leave the system message out once there is an answer: put it into the first question, or another chat_template.jinja beside the base)`,
    );
  }
  const start = prompt.length;
  const end = start + endOfAnswer(rendered.slice(start), tokenizer);
  return { rendered, start, end, learnt: untrained?.includes(index) !== true };
}

/**
 * One past the token that ends the turn: the end-of-sequence token, or another special one (Gemma's <end_of_turn>) if
 * white space alone comes after it. Past the turn where the template writes none.
 */
function endOfAnswer(turn: string, { special, specialTexts }: Tokenizer): number {
  const at = turn.lastIndexOf(special.eosToken);
  if (at >= 0) return at + special.eosToken.length;
  const written = turn.trimEnd();
  return specialTexts.some((text) => written.endsWith(text)) ? written.length : turn.length;
}

/** Answers of one sequence each: as long as the context of the next begins with all that came before. */
function chained(answers: readonly Answer[]): Answer[][] {
  const sequences: Answer[][] = [];
  let last: Answer | undefined;
  for (const answer of answers) {
    if (last && last.end <= answer.start && answer.rendered.startsWith(last.rendered.slice(0, last.end))) {
      sequences.at(-1)!.push(answer);
    } else sequences.push([answer]);
    last = answer;
  }
  return sequences;
}

/** Contexts and answers, one after the other. */
function answerPieces(answers: readonly Answer[], contextTrained: boolean): Piece[] {
  let done = 0;
  return answers.flatMap(({ rendered, start, end, learnt }) => {
    const context = rendered.slice(done, start);
    done = end;
    return [
      { text: context, trained: contextTrained },
      { text: rendered.slice(start, end), trained: learnt },
    ];
  });
}

/** The conversation as the template renders it `whole`, everything learnt but what the data say. */
function wholePieces(example: Messages, sequences: readonly Answer[][], whole: string): Piece[] {
  const [answers = [], ...others] = sequences;
  const pieces = answerPieces(answers, true);
  const done = textOf(pieces);
  if (others.length === 0 && whole.startsWith(done))
    return [...pieces, { text: whole.slice(done.length), trained: true }];
  if (example.untrained) {
    throw new RowError("an answer has weight 0, and the chat template renders it otherwise once more turns follow");
  }
  return [{ text: whole, trained: true }];
}

/** A template that writes no end of sequence after the last answer: the model must learn to stop all the same. */
function withEnd(pieces: readonly Piece[], eosToken: string): Piece[] {
  const learnt = pieces.at(-1)?.trained === true;
  return endsWith(pieces, eosToken) ? [...pieces] : [...pieces, { text: eosToken, trained: learnt }];
}

/** Whether the text ends with this one but for white space. */
function endsWith(pieces: readonly Piece[], end: string): boolean {
  let tail = "";
  for (let i = pieces.length - 1; i >= 0 && tail.length < end.length; i--) {
    tail = (pieces[i]!.text + tail).trimEnd();
  }
  return tail.endsWith(end);
}

const textOf = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join("");

function requireTemplate({ template }: Codec): ChatTemplate {
  if (template) return template;
  throw new RowError(
    "is a conversation, and the base model has no chat template (tokenizer_config.json, chat_template)",
  );
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
      const { messages, tools } = example;
      const last = messages.at(-1)!;
      if (last.role !== "assistant") {
        throw new RowError("its last message is not the assistant's: there is no reference");
      }
      if (last.content === null) throw new RowError("its last answer calls tools: there is no text to compare with");
      const asked = { messages: messages.slice(0, -1), ...(tools && { tools }) };
      return { prompt: encodePrompt(asked, codec), reference: last.content };
    }
  }
}

/** A conversation up to where the assistant begins to speak. Throws `RowError`. */
export function encodePrompt(conversation: Conversation, codec: Codec): Uint32Array {
  return Uint32Array.from(codec.tokenizer.encode(requireTemplate(codec).render(conversation, true)));
}
