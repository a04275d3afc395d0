/**
 * Splits examples into pieces of text and marks those that carry loss. Pure.
 *
 * The answer of a turn is found by rendering two prefixes: the conversation before the turn with the generation prompt,
 * and the conversation with the turn. The text that the second adds, up to and including the token that ends the turn,
 * is the answer. An answer is thus trained in exactly the context in which the model will generate it.
 *
 * If the context of an answer begins with all previous text, the conversation stays one sequence. Some templates render
 * earlier turns differently once more turns follow (Qwen 3 omits thoughts, Mistral moves the system message to the last
 * question); then the answer begins a new sequence. In both cases each answer is trained once.
 *
 * A template with generation marks decides itself which parts of a turn are trained (generationMarks.ts).
 */
import type { DatasetSettings } from "../../contract/effective.ts";
import { invalid } from "../../contract/failure.ts";
import { type Answered, type answerRoles, type Example, type Message, RowError } from "../rows/example.ts";
import { type ChatTemplate, otherTemplate, type Render } from "../template/chatTemplate.ts";
import type { Stretch } from "../template/generationMarks.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";
import { isContentWritten, leftOut, requireWritten } from "./leftOut.ts";

export interface Piece {
  readonly text: string;
  readonly trained: boolean;
}

/** The pieces of one sequence of tokens. */
export interface SequencePieces {
  readonly pieces: readonly Piece[];
  /** Whether the tokenizer's leading and trailing tokens are added, because no template writes them. */
  readonly leading: readonly number[];
  readonly trailing: readonly number[];
  /** Cut into several sequences where it is too long, instead of truncated. */
  readonly isText?: true;
  /** Its part in a preference. */
  readonly role?: AnswerRole;
}

export type AnswerRole = Exclude<keyof typeof answerRoles, "plain">;

export type TrainOn = DatasetSettings["trainOn"];

export interface ExamplePieces {
  readonly sequences: readonly SequencePieces[];
  /** Names of the row's fields that the chat template omits. */
  readonly leftOut: readonly string[];
}

/** The sequences of an example. Throws `RowError` when the start of an answer is uncertain or a part would be lost. */
export function piecesOf(example: Example, trainOn: TrainOn, codec: Codec): ExamplePieces {
  switch (example.kind) {
    case "messages":
      return conversationPieces(example, trainOn, codec);
    case "promptCompletion": {
      const prompt = { text: example.prompt, trained: trainOn === "All" };
      return plain(ended([prompt, { text: example.completion, trained: true }], codec.tokenizer));
    }
    case "text":
      return plain({ ...ended([{ text: example.text, trained: true }], codec.tokenizer), isText: true });
    case "preference": {
      const sides = [answerOf(example.chosen, "chosen", codec), answerOf(example.rejected, "rejected", codec)];
      return {
        sequences: sides.flatMap(({ sequences }) => sequences),
        leftOut: [...new Set(sides.flatMap((side) => side.leftOut))],
      };
    }
    case "labelled":
      return answerOf(example.answered, example.isWanted ? "chosen" : "rejected", codec);
  }
}

/** An answer of a preference: one sequence. */
function answerOf(example: Answered, role: AnswerRole, codec: Codec): ExamplePieces {
  const { sequences, leftOut } = piecesOf(example, "Responses", codec);
  const [only, ...others] = sequences;
  if (only === undefined || others.length > 0) {
    throw new RowError(
      "the chat template renders earlier turns differently once more turns follow, so that an answer of several turns would become several sequences: write its earlier turns into prompt",
    );
  }
  return { sequences: [{ ...only, role }], leftOut };
}

const plain = (sequence: SequencePieces): ExamplePieces => ({ sequences: [sequence], leftOut: [] });

/** Ensures one end token: the text's own, the post-processor's, or an appended one. */
function ended(pieces: readonly Piece[], { special, eosId, leadingIds, trailingIds }: Tokenizer): SequencePieces {
  const hasEnd = endsWith(pieces, [special.eosToken]);
  const trailing = hasEnd ? trailingIds.filter((id) => id !== eosId) : trailingIds;
  if (hasEnd || trailing.includes(eosId)) return { pieces, leading: leadingIds, trailing };
  const last = pieces.at(-1)!;
  const withEnd = [...pieces.slice(0, -1), { ...last, text: last.text + special.eosToken }];
  return { pieces: withEnd, leading: leadingIds, trailing };
}

type Messages = Extract<Example, { kind: "messages" }>;

/** An answer within the rendering that ends with it. */
interface Answer {
  message: Message;
  /** The prompt followed by the turn. */
  rendered: string;
  /** At least one. */
  parts: readonly Stretch[];
  learnt: boolean;
  /** Whether a token ends the turn, or the template marks its end. */
  ended: boolean;
}

const startOf = ({ parts }: Answer) => parts[0]!.start;
const endOf = ({ parts }: Answer) => parts.at(-1)!.end;

function conversationPieces(example: Messages, trainOn: TrainOn, codec: Codec): ExamplePieces {
  const template = requireTemplate(codec);
  const first = trainOn === "All" ? 0 : (example.context ?? 0);
  const indices = example.messages.flatMap(({ role }, index) =>
    role === "assistant" && index >= first ? [index] : [],
  );
  const chosen = trainOn === "LastResponse" ? indices.slice(-1) : indices;
  const render = template.prefixesOf(example);
  const answers = chosen.map((index) => answerAt(example, index, render, codec));
  const sequences = chained(answers);
  const pieces =
    trainOn === "All"
      ? [withEnd(wholePieces(example, sequences, render(example.messages.length, false).text), codec)]
      : sequences.map((one) =>
          one.at(-1)!.ended ? answerPieces(one, false) : withEnd(answerPieces(one, false), codec),
        );
  return {
    sequences: pieces.map((given) => ({ pieces: given, leading: [], trailing: [] })),
    leftOut: leftOut(
      example,
      answers.map((answer) => ({ ...answer, start: startOf(answer), end: endOf(answer) })),
    ),
  };
}

/** Throws `RowError` when the start of the answer is uncertain, or a part of it would not be trained. */
function answerAt(example: Messages, index: number, render: Render, codec: Codec): Answer {
  const { text: prompt } = render(index, true);
  const { text: rendered, marked } = render(index + 1, false);
  const template = requireTemplate(codec);
  const found = markedParts(marked, prompt, rendered) ?? partAfter(prompt, rendered, codec);
  if (found === undefined) throw uncertainBegin(example, index, template);
  const learnt = example.untrained?.includes(index) !== true;
  const message = example.messages[index]!;
  const written = found.parts.map(({ start, end }) => rendered.slice(start, end)).join("");
  if (message.tool_calls === undefined && !isContentWritten(message, written) && !template.canLearn(example)) {
    throw invalid(
      "TemplateUnsupported",
      `the base model's chat template omits the text of answers, such as messages[${index}].content (templates of models with pictures take lists of parts): ${otherTemplate}`,
    );
  }
  if (learnt) requireWritten(message, `messages[${index}]`, written);
  return { message, rendered, learnt, ...found };
}

type Found = Pick<Answer, "parts" | "ended">;

/** The parts of a turn that its template marks; undefined if it marks none of them. */
function markedParts(marked: readonly Stretch[], prompt: string, rendered: string): Found | undefined {
  const shared = commonLength(prompt, rendered);
  const parts = marked.filter(({ end }) => end > shared);
  return parts.length === 0 ? undefined : { parts, ended: true };
}

/** The turn after its prompt, through the token that ends it; undefined if it does not begin with its prompt. */
function partAfter(prompt: string, rendered: string, codec: Codec): Found | undefined {
  if (!rendered.startsWith(prompt)) return undefined;
  const start = prompt.length;
  const { length, ended } = endOfAnswer(rendered.slice(start), codec);
  return { parts: [{ start, end: start + length }], ended };
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** The row's fault, or the template's if it does so with every conversation. */
function uncertainBegin(example: Messages, index: number, template: ChatTemplate): Error {
  const fault = `the base model's chat template begins the answer messages[${index}] differently from its generation prompt, so the trained part is uncertain`;
  if (template.canLearn(example)) {
    return new RowError(
      `${fault} (some omit the system message after the first answer: put it into the first question; some expect answers that begin with <think>: begin them so)`,
    );
  }
  return invalid(
    "TemplateUnsupported",
    `${fault}; it does so with every conversation, like templates of reasoning models that remove the thoughts from answers: ${otherTemplate}`,
  );
}

/**
 * The part of a turn up to and including the token that ends it. Usually that is the token that the template writes
 * after every answer. Turns that call tools may end differently: then it is the special token that only white space
 * follows. A turn without such a token is used whole.
 */
function endOfAnswer(turn: string, { turnEnd, tokenizer }: Codec): { length: number; ended: boolean } {
  if (turnEnd && turn.endsWith(turnEnd.text)) {
    return { length: turn.length - turnEnd.text.length + turnEnd.length, ended: true };
  }
  const written = turn.trimEnd();
  const ended = [...tokenizer.specialTexts].some((text) => written.endsWith(text));
  return { length: ended ? written.length : turn.length, ended };
}

/**
 * Groups answers into sequences: an answer joins if its context begins with all previous text. Some templates mark text after
 * the last answer too; where more turns follow, these parts are absent.
 */
function chained(answers: readonly Answer[]): Answer[][] {
  const sequences: Answer[][] = [];
  for (const answer of answers) {
    const sequence = sequences.at(-1);
    const before = sequence && continued(sequence.at(-1)!, answer);
    if (sequence && before) sequence.splice(-1, 1, before, answer);
    else sequences.push([answer]);
  }
  return sequences;
}

/** The earlier answer as it occurs in the context of the next one; undefined if it does not. */
function continued(last: Answer, next: Answer): Answer | undefined {
  for (let count = last.parts.length; count > 0; count--) {
    const { end } = last.parts[count - 1]!;
    if (end <= startOf(next) && next.rendered.startsWith(last.rendered.slice(0, end)))
      return { ...last, parts: last.parts.slice(0, count) };
  }
  return undefined;
}

/** Contexts and answers in alternation. */
function answerPieces(answers: readonly Answer[], contextTrained: boolean): Piece[] {
  let done = 0;
  return answers.flatMap(({ rendered, parts, learnt }) =>
    parts.flatMap(({ start, end }) => {
      const context = rendered.slice(done, start);
      done = end;
      return [
        { text: context, trained: contextTrained },
        { text: rendered.slice(start, end), trained: learnt },
      ];
    }),
  );
}

/** The conversation as the template renders it `whole`, all trained except the answers that the data exclude. */
function wholePieces(example: Messages, sequences: readonly Answer[][], whole: string): Piece[] {
  const [answers = [], ...others] = sequences;
  const pieces = answerPieces(answers, true);
  const done = textOf(pieces);
  if (others.length === 0 && whole.startsWith(done))
    return [...pieces, { text: whole.slice(done.length), trained: true }];
  if (example.untrained) {
    throw new RowError(
      "an answer has weight 0, but the chat template renders it differently once more turns follow: remove the weight, or set dataset.trainOn to Responses",
    );
  }
  return [{ text: whole, trained: true }];
}

/** Adds an end token if the template writes none after the last answer, because the model must learn to stop. */
function withEnd(pieces: readonly Piece[], { tokenizer, turnEnd }: Codec): Piece[] {
  const { eosToken } = tokenizer.special;
  const ends = turnEnd ? [eosToken, turnEnd.text.slice(0, turnEnd.length).trimStart()] : [eosToken];
  if (endsWith(pieces, ends)) return [...pieces];
  return [...pieces, { text: eosToken, trained: pieces.at(-1)?.trained === true }];
}

/** Whether the text ends with one of these, ignoring white space. */
function endsWith(pieces: readonly Piece[], ends: readonly string[]): boolean {
  const longest = Math.max(...ends.map((end) => end.length));
  let tail = "";
  for (let i = pieces.length - 1; i >= 0 && tail.length < longest; i--) {
    tail = (pieces[i]!.text + tail).trimEnd();
  }
  return ends.some((end) => tail.endsWith(end));
}

const textOf = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join("");

export function requireTemplate({ template }: Codec): ChatTemplate {
  if (template) return template;
  throw new RowError(
    `is a conversation, but the base model has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json): ${otherTemplate}`,
  );
}
