/**
 * Byte-level tokenizers encode each word by itself. So the ids of a word are remembered, and a text costs little more
 * than splitting it: an order of magnitude faster than @huggingface/tokenizers alone, whose parts do all the work here
 * (normaliser, splitting pattern, byte level, merges). wordEncoder.test.ts holds it to the library's own encoding.
 */
import {
  ByteLevelPreTokenizer,
  type PreTokenizer,
  SequencePreTokenizer,
  SplitPreTokenizer,
  type Tokenizer,
} from "@huggingface/tokenizers";
import { RowError } from "./example.ts";

/** Words whose ids are kept; then all are forgotten. About 20 MB. */
const maxKnownWords = 100_000;
/** Longer words are rare, and would fill the memory. */
const maxKnownLength = 64;
/** Merging is what takes long: a word of this length takes about a second, and no text has one. */
const maxWordLength = 262_144;

/** Words of a text, in order and without gaps. */
type Split = (text: string) => readonly string[];
type Stage = PreTokenizer | null;

export class WordEncoder {
  readonly #library: Tokenizer;
  readonly #split: Split;
  readonly #byteLevel: ByteLevelPreTokenizer;
  readonly #addedTokens: RegExp | undefined;
  readonly #known = new Map<string, readonly number[]>();

  private constructor(library: Tokenizer, split: Split, byteLevel: ByteLevelPreTokenizer) {
    this.#library = library;
    this.#split = split;
    this.#byteLevel = byteLevel;
    this.#addedTokens = anyOf([...library.get_added_tokens_decoder().values()].map(({ content }) => content));
  }

  /** Undefined for a tokenizer of another kind, whose words are not encoded one by one. */
  static of(library: Tokenizer): WordEncoder | undefined {
    const stages = stagesOf(library);
    const last = stages.at(-1);
    if (!(last instanceof ByteLevelPreTokenizer) || last.add_prefix_space || library.model.fuse_unk) {
      return undefined;
    }
    const added = [...library.get_added_tokens_decoder().values()];
    const plain = added.every(
      ({ lstrip, rstrip, normalized }) => !lstrip && !rstrip && !(normalized && library.normalizer),
    );
    if (!plain) return undefined;
    const splits = stages.slice(0, -1).map(splitOf);
    if (last.use_regex) splits.push(covering(last.pattern, (text) => text.match(last.pattern) ?? []));
    const byteLevel = new ByteLevelPreTokenizer({ ...last.config, use_regex: false });
    return new WordEncoder(library, (text) => splits.reduce<readonly string[]>(splitEach, [text]), byteLevel);
  }

  /** Appends the ids of a text. Throws `RowError` for what cannot be encoded. */
  encode(text: string, ids: number[]): void {
    let done = 0;
    if (this.#addedTokens) {
      for (const { 0: token, index } of text.matchAll(this.#addedTokens)) {
        this.#encodeWords(text.slice(done, index), ids);
        ids.push(this.#idOf(token));
        done = index + token.length;
      }
    }
    this.#encodeWords(done === 0 ? text : text.slice(done), ids);
  }

  #encodeWords(text: string, ids: number[]): void {
    if (text === "") return;
    const { normalizer } = this.#library;
    for (const word of this.#split(normalizer ? normalizer(text) : text)) {
      for (const id of this.#known.get(word) ?? this.#encodeWord(word)) ids.push(id);
    }
  }

  #encodeWord(word: string): readonly number[] {
    if (word.length > maxWordLength) throw new RowError(`has a word of ${word.length} characters`);
    const ids = this.#library.model.encode(this.#byteLevel.pre_tokenize(word)).map((token) => this.#idOf(token));
    if (word.length > maxKnownLength) return ids;
    if (this.#known.size >= maxKnownWords) this.#known.clear();
    // A copy: a part of a text would keep the whole text in memory.
    this.#known.set(Buffer.from(word).toString(), ids);
    return ids;
  }

  #idOf(token: string): number {
    const id = this.#library.token_to_id(token) ?? this.#library.model.unk_token_id;
    if (id === undefined) throw new RowError(`the tokenizer has no token for ${JSON.stringify(token)}`);
    return id;
  }
}

function stagesOf({ pre_tokenizer }: Tokenizer): readonly Stage[] {
  if (pre_tokenizer instanceof SequencePreTokenizer) return pre_tokenizer.tokenizers;
  return [pre_tokenizer];
}

function splitOf(stage: Stage): Split {
  if (!stage) return (text) => [text];
  const split: Split = (text) => stage.pre_tokenize(text);
  const isolates =
    stage instanceof SplitPreTokenizer && !stage.config.invert && !/removed/i.test(stage.config.behavior ?? "");
  return isolates && stage.pattern ? covering(stage.pattern, split) : split;
}

/** Usual patterns match all of a text; then their matches are its words, and finding them is the faster way. */
function covering(pattern: RegExp, split: Split): Split {
  return (text) => {
    const matches: readonly string[] = text.match(pattern) ?? [];
    let length = 0;
    for (const match of matches) length += match.length;
    return length === text.length && !matches.includes("") ? matches : split(text);
  };
}

function splitEach(words: readonly string[], split: Split): readonly string[] {
  return words.length === 1 ? split(words[0]!) : words.flatMap((word) => split(word));
}

/** Finds the longest of these texts that begins somewhere; undefined for none. */
function anyOf(texts: readonly string[]): RegExp | undefined {
  if (texts.length === 0) return undefined;
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((text) => RegExp.escape(text)).join("|"), "gu");
}
