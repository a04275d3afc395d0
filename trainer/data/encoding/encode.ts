/**
 * Pieces of text as tokens, and which of them carry loss. Each piece is encoded by itself, so that an answer begins with a
 * token of its own, as it does when the model is asked for it; what is over the limit is cut.
 */
import { type Example, OverlongError, RowError } from "../rows/example.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Codec } from "./codec.ts";
import { piecesOf, type SequencePieces, type TrainOn } from "./pieces.ts";

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

export interface EncodeOptions {
  trainOn: TrainOn;
  /** Of a sequence; what is longer is cut. */
  maxTokens: number;
  /** Encode what is cut off too, so that `fullLength` is how long the sequence would be. */
  measured?: boolean;
}

/** Rejects with `RowError` for an example with nothing to learn, `OverlongError` where truncation leaves nothing. */
export async function encodeExample(example: Example, options: EncodeOptions, codec: Codec): Promise<EncodedExample> {
  const { sequences } = piecesOf(example, options.trainOn, codec);
  const [encoded] = await encodeExamples([sequences], options, codec.tokenizer);
  if (encoded instanceof RowError) throw encoded;
  return encoded!;
}

/** Each example's sequences, or why it cannot be learnt. */
export async function encodeExamples(
  examples: readonly (readonly SequencePieces[])[],
  options: EncodeOptions,
  tokenizer: Tokenizer,
): Promise<(EncodedExample | RowError)[]> {
  const sequences = examples.map((example) => example.map((given) => new Sequence(given, options)));
  const all = sequences.flat();
  // The first pieces of all sequences, then the second of those that are not full, and so on.
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
  if (!truncated) return new RowError("no token of it would be learnt: it has no answer");
  return new OverlongError(`no token of it would be learnt: its answer begins after ${maxTokens} tokens`);
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

  /** Whether the piece is to be encoded; false where all that is left is cut off. */
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
    // A text that begins with the token that the tokenizer would put before it gets no second one.
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
    // Nothing comes before the first token that it could be predicted from.
    trained.fill(0, 0, 1);
    return { tokens, trained, fullLength: this.#length, truncated: this.#truncated || this.#length > maxTokens };
  }

  #push(ids: readonly number[], trained: boolean): void {
    this.#parts.push({ ids, trained });
    this.#length += ids.length;
  }
}
