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
import { RowError } from "../rows/example.ts";
import { asciiWordEnds, gpt2Source, undecided, type WordEnd } from "./asciiWords.ts";
import { ByteMerges } from "./byteMerges.ts";
import type { GrowableUint32 } from "./growable.ts";
import { TextUnits } from "./textUnits.ts";
import { maxKnownLength, WordTable } from "./wordTable.ts";

/** Words whose ids are kept: so many of the newest, and as many of those before. About 30 MB. */
const maxKnownWords = 1 << 17;
/** Merging is what takes long: a word of this length takes about a second, and no text has one. */
const maxWordLength = 262_144;

type Stage = PreTokenizer | null;

/** How texts become words. */
interface Splitting {
  /** Matches one word after the other without gaps, for most texts; undefined where there is no such pattern. */
  readonly pattern: RegExp | undefined;
  /** The same for words of ASCII, where the pattern is a known one. */
  readonly asciiWordEnd: WordEnd | undefined;
  /** Words of any text. */
  split(text: string): readonly string[];
}

export class WordEncoder {
  readonly #library: Tokenizer;
  readonly #splitting: Splitting;
  readonly #byteLevel: ByteLevelPreTokenizer;
  readonly #merges: ByteMerges | undefined;
  readonly #addedTokens: RegExp | undefined;
  readonly #textUnits = new TextUnits();
  #known = new WordTable(maxKnownWords);
  /** What was known before; what is met of it is known anew. */
  #older: WordTable | undefined;

  private constructor(library: Tokenizer, splitting: Splitting, byteLevel: ByteLevelPreTokenizer) {
    this.#library = library;
    this.#splitting = splitting;
    this.#byteLevel = byteLevel;
    this.#merges = ByteMerges.of(library.model.config, library, byteLevel);
    this.#addedTokens = anyOf([...library.get_added_tokens_decoder().values()].map(({ content }) => content));
  }

  /** Undefined for a tokenizer of another kind, whose words are not encoded one by one. */
  static of(library: Tokenizer): WordEncoder | undefined {
    const stages = stagesOf(library);
    const last = stages.at(-1);
    if (!(last instanceof ByteLevelPreTokenizer) || last.add_prefix_space || library.model.fuse_unk) return undefined;
    const added = [...library.get_added_tokens_decoder().values()];
    const plain = added.every(
      ({ lstrip, rstrip, normalized }) => !lstrip && !rstrip && !(normalized && library.normalizer),
    );
    if (!plain) return undefined;
    const byteLevel = new ByteLevelPreTokenizer({ ...last.config, use_regex: false });
    return new WordEncoder(library, splittingOf(stages.slice(0, -1), last), byteLevel);
  }

  /** Appends the ids of a text. Throws `RowError` for what cannot be encoded. */
  encode(text: string, ids: GrowableUint32): void {
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

  #encodeWords(given: string, ids: GrowableUint32): void {
    if (given === "") return;
    const { normalizer } = this.#library;
    const text = normalizer ? normalizer(given) : given;
    const before = ids.length;
    if (this.#encodeMatches(text, ids)) return;
    ids.length = before;
    for (const word of this.#splitting.split(text)) {
      this.#encodeWord(word, this.#textUnits.of(word), 0, word.length, ids);
    }
  }

  /** False when the pattern's matches are not the whole text. */
  #encodeMatches(text: string, ids: GrowableUint32): boolean {
    const { pattern, asciiWordEnd } = this.#splitting;
    if (pattern === undefined) return false;
    const units = this.#textUnits.of(text);
    const { length } = text;
    for (let start = 0, end: number; start < length; start = end) {
      end = asciiWordEnd ? asciiWordEnd(units, start, length) : undecided;
      if (end === undecided) {
        pattern.lastIndex = start;
        if (!pattern.test(text) || pattern.lastIndex === start) return false;
        end = pattern.lastIndex;
      }
      this.#encodeWord(text, units, start, end, ids);
    }
    return true;
  }

  /** `units` are those of the text. */
  #encodeWord(text: string, units: Uint16Array, start: number, end: number, ids: GrowableUint32): void {
    const usual = end - start <= maxKnownLength;
    if (usual && this.#known.append(units, start, end, ids)) return;
    const before = ids.length;
    if (!(usual && this.#older?.append(units, start, end, ids))) this.#merge(text.slice(start, end), ids);
    if (this.#known.size === this.#known.capacity) {
      this.#older = this.#known;
      this.#known = new WordTable(maxKnownWords);
    }
    this.#known.add(units, start, end, ids.values().subarray(before));
  }

  #merge(word: string, ids: GrowableUint32): void {
    if (this.#merges?.append(word, ids)) return;
    if (word.length > maxWordLength) throw new RowError(`has a word of ${word.length} characters`);
    for (const token of this.#library.model.encode(this.#byteLevel.pre_tokenize(word))) ids.push(this.#idOf(token));
  }

  #idOf(token: string): number {
    const id = this.#library.token_to_id(token) ?? this.#library.model.unk_token_id;
    if (id === undefined) throw new RowError("has a character that the tokenizer has no token for");
    return id;
  }
}

function stagesOf({ pre_tokenizer }: Tokenizer): readonly Stage[] {
  if (pre_tokenizer instanceof SequencePreTokenizer) return pre_tokenizer.tokenizers;
  return [pre_tokenizer];
}

/** The stages before the byte level, and the pattern that the byte level may have of its own. */
function splittingOf(stages: readonly Stage[], byteLevel: ByteLevelPreTokenizer): Splitting {
  const steps: ((text: string) => readonly string[])[] = stages.map(
    (stage) => (text) => (stage ? stage.pre_tokenize(text) : [text]),
  );
  const patterns = stages.map(patternOf);
  if (byteLevel.use_regex) {
    steps.push((text) => text.match(byteLevel.pattern) ?? []);
    patterns.push({ expression: byteLevel.pattern, written: gpt2Source });
  }
  const only = patterns.length === 1 ? patterns[0] : undefined;
  return {
    pattern: only && new RegExp(only.expression.source, "uy"),
    asciiWordEnd: only && asciiWordEnds.get(only.written),
    split: (text) => steps.reduce<readonly string[]>((words, step) => words.flatMap(step), [text]),
  };
}

interface Pattern {
  readonly expression: RegExp;
  /** As tokenizer.json has it. */
  readonly written: string;
}

/** Of a stage whose words are what its pattern matches and what lies between. */
function patternOf(stage: Stage): Pattern | undefined {
  if (!(stage instanceof SplitPreTokenizer) || stage.pattern === null) return undefined;
  const { invert, behavior, pattern } = stage.config;
  if (invert || behavior !== "Isolated" || stage.pattern.ignoreCase) return undefined;
  return { expression: stage.pattern, written: pattern?.Regex ?? "" };
}

/** Finds the longest of these texts that begins somewhere; undefined for none. */
function anyOf(texts: readonly string[]): RegExp | undefined {
  if (texts.length === 0) return undefined;
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((text) => RegExp.escape(text)).join("|"), "gu");
}
