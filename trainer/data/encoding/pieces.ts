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
import { type Example, RowError } from "../rows/example.ts";
import type { ChatTemplate } from "../template/chatTemplate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";

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

/** The sequences of an example. Throws `RowError` where the begin of an answer is not certain. */
export function piecesOf(example: Example, trainOn: TrainOn, codec: Codec): SequencePieces[] {
  switch (example.kind) {
    case "messages":
      return conversationPieces(example, trainOn, codec).map((pieces) => ({ pieces, leading: [], trailing: [] }));
    case "promptCompletion":
      return [
        ended(
          [
            { text: example.prompt, trained: trainOn === "All" },
            { text: example.completion, trained: true },
          ],
          codec.tokenizer,
        ),
      ];
    case "text":
      return [ended([{ text: example.text, trained: true }], codec.tokenizer)];
  }
}

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
  /** The prompt, and then the turn. */
  rendered: string;
  start: number;
  end: number;
  learnt: boolean;
  /** Whether a token ends the turn. */
  ended: boolean;
}

function conversationPieces(example: Messages, trainOn: TrainOn, codec: Codec): Piece[][] {
  const template = requireTemplate(codec);
  const indices = example.messages.flatMap(({ role }, index) => (role === "assistant" ? [index] : []));
  const chosen = trainOn === "LastResponse" ? indices.slice(-1) : indices;
  const render = template.prefixesOf(example);
  const sequences = chained(chosen.map((index) => answerAt(example, index, render, codec)));
  if (trainOn === "All") {
    return [withEnd(wholePieces(example, sequences, render(example.messages.length, false)), codec)];
  }
  return sequences.map((answers) =>
    answers.at(-1)!.ended ? answerPieces(answers, false) : withEnd(answerPieces(answers, false), codec),
  );
}

/** Throws `RowError` when the answer's begin is not certain. */
function answerAt(
  { untrained }: Messages,
  index: number,
  render: ReturnType<ChatTemplate["prefixesOf"]>,
  codec: Codec,
): Answer {
  const prompt = render(index, true);
  const rendered = render(index + 1, false);
  if (!rendered.startsWith(prompt)) {
    throw new RowError(
      `the chat template does not begin the answer messages[${index}] as it asks for one, so what to learn is not certain (some leave the system message out once there is an answer: put it into the first question, or another chat_template.jinja beside the base)`,
    );
  }
  const start = prompt.length;
  const { length, ended } = endOfAnswer(rendered.slice(start), codec);
  return { rendered, start, end: start + length, learnt: untrained?.includes(index) !== true, ended };
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
    "is a conversation, and the base model has no chat template (tokenizer_config.json, chat_template)",
  );
}
