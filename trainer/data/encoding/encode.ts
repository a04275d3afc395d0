/**
 * Encodes pieces of text as tokens and marks those that carry loss. Each piece is encoded separately, so that an answer
 * begins with its own token, as it does in generation. A longer text becomes several sequences; a longer example of another
 * kind is truncated, shortened, dropped or refused, as the settings say.
 */
import type { DatasetSettings } from "../../contract/effective.ts";
import { type Example, OverlongError, RefusedError, RowError } from "../rows/example.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";
import { type AnswerRole, piecesOf, type SequencePieces, type TrainOn } from "./pieces.ts";
import { shorteningsOf } from "./shortenings.ts";

/** Tokens that attend only to each other. */
export interface Encoded {
  tokens: Uint32Array;
  /** 1 where the token is trained, i.e. predicted from those before it; never the first. */
  trained: Uint8Array;
  /** Tokens before truncation, as far as they were encoded. */
  fullLength: number;
  /** Its part in a preference. */
  role?: AnswerRole | undefined;
}

export interface EncodedExample {
  /** At least one, each with a trained token. */
  sequences: Encoded[];
  /** Whether tokens were truncated. */
  truncated: boolean;
}

export interface EncodeOptions {
  trainOn: TrainOn;
  /** Maximum length of a sequence. */
  maxTokens: number;
  truncation: DatasetSettings["truncation"];
  textOverlap: number;
  /** Both answers of a preference must fit into one row. */
  paired?: boolean;
  /** Also encode the truncated part, so that `fullLength` is exact. */
  measured?: boolean;
}

/**
 * Rejects with `RowError` for an example without trained tokens, and with `OverlongError` if truncation removes them.
 */
export async function encodeExample(example: Example, options: EncodeOptions, codec: Codec): Promise<EncodedExample> {
  const { sequences } = piecesOf(example, options.trainOn, codec);
  const [encoded] = await encodeExamples([{ example, sequences }], options, codec);
  if (encoded instanceof RowError) throw encoded;
  return encoded!;
}

export interface GivenExample {
  readonly example: Example;
  readonly sequences: readonly SequencePieces[];
}

/** Each example's sequences, or the error why it cannot be trained on. */
export async function encodeExamples(
  examples: readonly GivenExample[],
  options: EncodeOptions,
  codec: Codec,
): Promise<(EncodedExample | RowError)[]> {
  const all = examples.map(({ sequences }) => sequences);
  const encoded = await encodeSequences(all, options, codec.tokenizer);
  if (options.truncation !== "OldestTurns") return encoded;
  const results: (EncodedExample | RowError)[] = [];
  for (const [index, one] of encoded.entries()) {
    const { example } = examples[index]!;
    const shorter = one instanceof OverlongError ? shorteningsOf(example) : [];
    const hasTurns = example.kind === "messages" || shorter.length > 0;
    results.push(one instanceof OverlongError && hasTurns ? await withoutOldest(shorter, options, codec) : one);
  }
  return results;
}

/** The first of `shorter` that fits: the one with the fewest turns left out. */
async function withoutOldest(
  shorter: readonly Example[],
  options: EncodeOptions,
  codec: Codec,
): Promise<EncodedExample | RowError> {
  const encodedAt = async (index: number) => {
    const { sequences } = piecesOf(shorter[index]!, options.trainOn, codec);
    return (await encodeSequences([sequences], options, codec.tokenizer))[0]!;
  };
  let found: EncodedExample | undefined;
  // Candidates from `low` on may fit, those from `high` on do.
  let [low, high] = [0, shorter.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const encoded = await encodedAt(middle);
    if (encoded instanceof OverlongError) low = middle + 1;
    else if (encoded instanceof RowError) return encoded;
    else [found, high] = [encoded, middle];
  }
  if (found) return { ...found, truncated: true };
  return new OverlongError(`its last turn is longer than ${options.maxTokens} tokens`);
}

async function encodeSequences(
  examples: readonly (readonly SequencePieces[])[],
  options: EncodeOptions,
  tokenizer: Tokenizer,
): Promise<(EncodedExample | RowError)[]> {
  const sequences = examples.map((example) => example.map((given) => new Sequence(given, options)));
  const all = sequences.flat();
  // Encodes the first pieces of all sequences, then the second of those that are not full, and so on.
  for (let round = 0; ; round++) {
    const open = all.filter((sequence) => sequence.wants(round));
    if (open.length === 0) break;
    const encoded = await tokenizer.encodeAll(open.map((sequence) => sequence.textAt(round)));
    for (const [index, sequence] of open.entries()) sequence.add(round, encoded[index]!);
  }
  return sequences.map((example) => exampleOf(example, options));
}

function exampleOf(sequences: readonly Sequence[], options: EncodeOptions): EncodedExample | RowError {
  const { maxTokens, truncation } = options;
  const fault = sequences.find(({ fault }) => fault !== undefined)?.fault;
  if (fault) return fault;
  const whole = sequences.flatMap((sequence) => sequence.end());
  const ended = options.paired ? fittingPair(whole, maxTokens) : whole;
  const learnt = ended.filter(({ trained }) => trained.includes(1));
  const isPreference = ended.some(({ role }) => role !== undefined);
  const truncated = ended.some((sequence) => sequence.truncated);
  const tooLong = options.paired
    ? `its chosen and rejected answers, each with the prompt, are longer than ${maxTokens} tokens together`
    : `is longer than ${maxTokens} tokens`;
  if (truncated && truncation === "Refuse") {
    return new RefusedError(`${tooLong}: raise dataset.maxSequenceLength, shorten the row, or set dataset.truncation`);
  }
  if (truncated && truncation !== "End") return new OverlongError(tooLong);
  // A preference needs all of its answers.
  if (isPreference ? learnt.length === ended.length : learnt.length > 0) return { sequences: learnt, truncated };
  if (!truncated) return new RowError("no token of it would be trained: it has no answer");
  return new OverlongError(`no token of it would be trained: its answer begins after ${maxTokens} tokens`);
}

type Ended = Encoded & { truncated: boolean };

/** Both answers of a preference with their ends cut off, the longer one first, so that they fit into a row. */
function fittingPair(answers: readonly Ended[], maxTokens: number): Ended[] {
  const shortest = Math.min(...answers.map(({ tokens }) => tokens.length));
  const most = Math.max(Math.floor(maxTokens / 2), maxTokens - shortest);
  return answers.map((answer) =>
    answer.tokens.length <= most
      ? answer
      : { ...answer, tokens: answer.tokens.slice(0, most), trained: answer.trained.slice(0, most), truncated: true },
  );
}

/** A sequence that is being encoded. */
class Sequence {
  fault: RowError | undefined;
  readonly #given: SequencePieces;
  readonly #options: EncodeOptions;
  readonly #parts: { ids: readonly number[]; trained: boolean }[] = [];
  #length = 0;
  #before = "";
  #truncated = false;

  constructor(given: SequencePieces, options: EncodeOptions) {
    this.#given = given;
    this.#options = options;
    this.#push(given.leading, given.pieces[0]?.trained === true);
  }

  /** Whether to encode the piece; false if all of the rest is truncated. */
  wants(round: number): boolean {
    const { pieces } = this.#given;
    if (round >= pieces.length || this.fault) return false;
    const { measured, maxTokens } = this.#options;
    if (measured || this.#given.isText || this.#length < maxTokens) return true;
    this.#truncated ||= pieces.slice(round).some(({ text }) => text !== "");
    return false;
  }

  textAt(round: number): { text: string; before: string } {
    return { text: this.#given.pieces[round]!.text, before: this.#before };
  }

  add(round: number, ids: readonly number[] | RowError): void {
    if (ids instanceof RowError) {
      this.fault = ids;
      return;
    }
    const { text, trained } = this.#given.pieces[round]!;
    // A text that already begins with the tokenizer's leading token gets no second one.
    if (this.#before === "" && ids.length > 0 && ids[0] === this.#given.leading.at(-1))
      this.#push(ids.slice(1), trained);
    else this.#push(ids, trained);
    this.#before = text || this.#before;
  }

  /** One sequence, or of a long text several. */
  end(): Ended[] {
    this.#push(this.#given.trailing, this.#given.pieces.at(-1)?.trained === true);
    const { maxTokens } = this.#options;
    if (this.#given.isText) return cut(this.#encoded(this.#length), this.#options);
    const truncated = this.#truncated || this.#length > maxTokens;
    const { role } = this.#given;
    return [{ ...this.#encoded(Math.min(this.#length, maxTokens)), fullLength: this.#length, truncated, role }];
  }

  #encoded(length: number): Pick<Encoded, "tokens" | "trained"> {
    const tokens = new Uint32Array(length);
    const trained = new Uint8Array(tokens.length);
    let at = 0;
    for (const part of this.#parts) {
      for (const id of part.ids) {
        if (at === tokens.length) break;
        trained[at] = part.trained ? 1 : 0;
        tokens[at++] = id;
      }
    }
    // The first token has no context to predict it from.
    trained.fill(0, 0, 1);
    return { tokens, trained };
  }

  #push(ids: readonly number[], trained: boolean): void {
    this.#parts.push({ ids, trained });
    this.#length += ids.length;
  }
}

/** Every token but the first is trained once: what a sequence repeats of the one before is only its context. */
function cut(
  { tokens, trained }: Pick<Encoded, "tokens" | "trained">,
  { maxTokens, textOverlap }: Pick<EncodeOptions, "maxTokens" | "textOverlap">,
): Ended[] {
  const overlap = Math.min(textOverlap, Math.floor(maxTokens / 2));
  const sequences: Ended[] = [];
  for (let start = 0; ; start += maxTokens - overlap) {
    const end = Math.min(tokens.length, start + maxTokens);
    const learnt = trained.slice(start, end);
    if (start > 0) learnt.fill(0, 0, overlap);
    sequences.push({ tokens: tokens.slice(start, end), trained: learnt, fullLength: end - start, truncated: false });
    if (end === tokens.length) return sequences;
  }
}
