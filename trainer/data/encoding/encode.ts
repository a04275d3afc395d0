/**
 * Encodes pieces of text as tokens and marks those that carry loss. Each piece is encoded separately, so that an answer
 * begins with its own token, as it does in generation. Tokens beyond the limit are truncated.
 */
import { type Example, OverlongError, RowError } from "../rows/example.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";
import { piecesOf, type SequencePieces, type TrainOn } from "./pieces.ts";

/** Tokens that attend only to each other. */
export interface Encoded {
  tokens: Uint32Array;
  /** 1 where the token is trained, i.e. predicted from those before it; never the first. */
  trained: Uint8Array;
  /** Tokens before truncation, as far as they were encoded. */
  fullLength: number;
}

export interface EncodedExample {
  /** At least one, each with a trained token. */
  sequences: Encoded[];
  /** Whether tokens were truncated. */
  truncated: boolean;
}

export interface EncodeOptions {
  trainOn: TrainOn;
  /** Maximum length of a sequence; longer ones are truncated. */
  maxTokens: number;
  /** Also encode the truncated part, so that `fullLength` is exact. */
  measured?: boolean;
}

/**
 * Rejects with `RowError` for an example without trained tokens, and with `OverlongError` if truncation removes them.
 */
export async function encodeExample(example: Example, options: EncodeOptions, codec: Codec): Promise<EncodedExample> {
  const { sequences } = piecesOf(example, options.trainOn, codec);
  const [encoded] = await encodeExamples([sequences], options, codec.tokenizer);
  if (encoded instanceof RowError) throw encoded;
  return encoded!;
}

/** Each example's sequences, or the error why it cannot be trained on. */
export async function encodeExamples(
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

function exampleOf(sequences: readonly Sequence[], { maxTokens }: EncodeOptions): EncodedExample | RowError {
  const fault = sequences.find(({ fault }) => fault !== undefined)?.fault;
  if (fault) return fault;
  const ended = sequences.map((sequence) => sequence.end());
  const learnt = ended.filter(({ trained }) => trained.includes(1));
  const truncated = ended.some((sequence) => sequence.truncated);
  if (learnt.length > 0) return { sequences: learnt, truncated };
  if (!truncated) return new RowError("no token of it would be trained: it has no answer");
  return new OverlongError(`no token of it would be trained: its answer begins after ${maxTokens} tokens`);
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
    if (this.#options.measured || this.#length < this.#options.maxTokens) return true;
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

  end(): Encoded & { truncated: boolean } {
    this.#push(this.#given.trailing, this.#given.pieces.at(-1)?.trained === true);
    const { maxTokens } = this.#options;
    const tokens = new Uint32Array(Math.min(this.#length, maxTokens));
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
    return { tokens, trained, fullLength: this.#length, truncated: this.#truncated || this.#length > maxTokens };
  }

  #push(ids: readonly number[], trained: boolean): void {
    this.#parts.push({ ids, trained });
    this.#length += ids.length;
  }
}
