/**
 * Examples as pieces of text, and which of them carry loss. Pure.
 *
 * The pieces of an answer are found by rendering prefixes: the conversation up to the turn with the generation prompt,
 * then with the turn. What the second adds, up to and with the token that ends the turn, is the answer. So an answer is
 * learnt in the very context in which the model will be asked for it.
 *
 * Where the context of an answer begins with all that came before, the conversation stays one sequence. Some templates
 * render earlier turns differently once more turns follow (Qwen 3 leaves out thoughts, Mistral moves the system message to
 * the last question): there the answer begins a sequence of its own. Each answer is learnt once, in either case.
 */
import type { DatasetSettings } from "../../contract/effective.ts";
import { invalid } from "../../contract/failure.ts";
import { type Example, type Message, RowError } from "../rows/example.ts";
import { type ChatTemplate, otherTemplate, type Render } from "../template/chatTemplate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";
import { leftOut, requireWritten, says } from "./leftOut.ts";

export interface Piece {
  readonly text: string;
  readonly trained: boolean;
}

/** What becomes one sequence of tokens. */
export interface SequencePieces {
  readonly pieces: readonly Piece[];
  /** Tokens that the tokenizer puts before and after, where no template writes them. */
  readonly leading: readonly number[];
  readonly trailing: readonly number[];
}

export type TrainOn = DatasetSettings["trainOn"];

export interface ExamplePieces {
  readonly sequences: readonly SequencePieces[];
  /** Names of the row's fields that the chat template leaves out. */
  readonly leftOut: readonly string[];
}

/** The sequences of an example. Throws `RowError` where the begin of an answer is not certain, or a part would be lost. */
export function piecesOf(example: Example, trainOn: TrainOn, codec: Codec): ExamplePieces {
  switch (example.kind) {
    case "messages":
      return conversationPieces(example, trainOn, codec);
    case "promptCompletion": {
      const prompt = { text: example.prompt, trained: trainOn === "All" };
      return plain(ended([prompt, { text: example.completion, trained: true }], codec.tokenizer));
    }
    case "text":
      return plain(ended([{ text: example.text, trained: true }], codec.tokenizer));
  }
}

const plain = (sequence: SequencePieces): ExamplePieces => ({ sequences: [sequence], leftOut: [] });

/** With one end token: the text's own, the post-processor's, or one that is appended. */
function ended(pieces: readonly Piece[], { special, eosId, leadingIds, trailingIds }: Tokenizer): SequencePieces {
  const hasEnd = endsWith(pieces, [special.eosToken]);
  const trailing = hasEnd ? trailingIds.filter((id) => id !== eosId) : trailingIds;
  if (hasEnd || trailing.includes(eosId)) return { pieces, leading: leadingIds, trailing };
  const last = pieces.at(-1)!;
  const withEnd = [...pieces.slice(0, -1), { ...last, text: last.text + special.eosToken }];
  return { pieces: withEnd, leading: leadingIds, trailing };
}

type Messages = Extract<Example, { kind: "messages" }>;

/** An answer in the rendering that ends with it. */
interface Answer {
  message: Message;
  /** The prompt, and then the turn. */
  rendered: string;
  start: number;
  end: number;
  learnt: boolean;
  /** Whether a token ends the turn. */
  ended: boolean;
}

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
      ? [withEnd(wholePieces(example, sequences, render(example.messages.length, false)), codec)]
      : sequences.map((one) =>
          one.at(-1)!.ended ? answerPieces(one, false) : withEnd(answerPieces(one, false), codec),
        );
  return {
    sequences: pieces.map((given) => ({ pieces: given, leading: [], trailing: [] })),
    leftOut: leftOut(example, answers),
  };
}

/** Throws `RowError` when the begin of the answer is not certain, or a part of it would not be learnt. */
function answerAt(example: Messages, index: number, render: Render, codec: Codec): Answer {
  const prompt = render(index, true);
  const rendered = render(index + 1, false);
  const template = requireTemplate(codec);
  if (!rendered.startsWith(prompt)) throw uncertainBegin(example, index, template);
  const start = prompt.length;
  const { length, ended } = endOfAnswer(rendered.slice(start), codec);
  const end = start + length;
  const learnt = example.untrained?.includes(index) !== true;
  const message = example.messages[index]!;
  const written = rendered.slice(start, end);
  if (message.tool_calls === undefined && !says(message, written) && !template.canLearn(example)) {
    throw invalid(
      "TemplateUnsupported",
      `the base model's chat template does not write what answers say, such as messages[${index}].content (templates of models with pictures take lists of parts): ${otherTemplate}`,
    );
  }
  if (learnt) requireWritten(message, `messages[${index}]`, written);
  return { message, rendered, start, end, learnt, ended };
}

/** The row's fault, or the template's where it does so with every conversation. */
function uncertainBegin(example: Messages, index: number, template: ChatTemplate): Error {
  const fault = `the base model's chat template does not begin the answer messages[${index}] as it asks for one, so what to learn is not certain`;
  if (template.canLearn(example)) {
    return new RowError(
      `${fault} (some leave the system message out once there is an answer: put it into the first question; some ask for answers that begin with <think>: begin them so)`,
    );
  }
  return invalid(
    "TemplateUnsupported",
    `${fault}; it does so with every conversation, as the templates of reasoning models do that cut the thoughts off answers: ${otherTemplate}`,
  );
}

/**
 * The part of a turn up to and with the token that ends it. Usually that is what the template writes after any answer. Turns
 * that call tools may end differently: there it is the special token after which white space alone follows. A turn without
 * such a token is taken whole.
 */
function endOfAnswer(turn: string, { turnEnd, tokenizer }: Codec): { length: number; ended: boolean } {
  if (turnEnd && turn.endsWith(turnEnd.text)) {
    return { length: turn.length - turnEnd.text.length + turnEnd.length, ended: true };
  }
  const written = turn.trimEnd();
  const ended = [...tokenizer.specialTexts].some((text) => written.endsWith(text));
  return { length: ended ? written.length : turn.length, ended };
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

/** The conversation as the template renders it `whole`, everything learnt except the answers that the data exclude. */
function wholePieces(example: Messages, sequences: readonly Answer[][], whole: string): Piece[] {
  const [answers = [], ...others] = sequences;
  const pieces = answerPieces(answers, true);
  const done = textOf(pieces);
  if (others.length === 0 && whole.startsWith(done))
    return [...pieces, { text: whole.slice(done.length), trained: true }];
  if (example.untrained) {
    throw new RowError("an answer has weight 0, and the chat template renders it differently once more turns follow");
  }
  return [{ text: whole, trained: true }];
}

/** A template that writes no end token after the last answer: the model must learn to stop all the same. */
function withEnd(pieces: readonly Piece[], { tokenizer, turnEnd }: Codec): Piece[] {
  const { eosToken } = tokenizer.special;
  const ends = turnEnd ? [eosToken, turnEnd.text.slice(0, turnEnd.length).trimStart()] : [eosToken];
  if (endsWith(pieces, ends)) return [...pieces];
  return [...pieces, { text: eosToken, trained: pieces.at(-1)?.trained === true }];
}

/** Whether the text ends with one of these but for white space. */
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
    `is a conversation, and the base model has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json): ${otherTemplate}`,
  );
}
