/**
 * The model's own tokenizer, encoded and decoded by Hugging Face's tokenizers library. The one file that loads it; it is
 * native code, and a panic in it (a pattern of tokenizer.json that backtracks too long, for example) ends the process:
 * data are therefore encoded in processes of their own (encoders.ts).
 *
 * Texts are encoded as they are, special tokens in them recognised, and nothing is added around them. `leadingIds` and
 * `trailingIds` are what the tokenizer's post-processor adds around a text. Where a text goes on in the middle of a line,
 * no tokenizer may put a space before it: `before` is the text that it goes on from.
 */
import { AddedToken, type Decoder, Tokenizer as Library, type Normalizer, type PreTokenizer } from "tokenizers";
import { messageOf } from "../../contract/failure.ts";
import { RowError } from "../rows/example.ts";
import { type NamedToken, readSpecialTokens, type SpecialTokens } from "./specialTokens.ts";
import {
  type Continuation,
  continuationOf,
  deterministicText,
  invalidFile,
  readTokenizerFile,
  requireBoundedGrowth,
} from "./tokenizerFile.ts";

export interface TokenizerTexts {
  /** tokenizer.json */
  readonly tokenizer: string;
  /** tokenizer_config.json */
  readonly config: string;
  /** special_tokens_map.json, where there is one. */
  readonly specialTokensMap?: string | undefined;
}

export interface TextToEncode {
  readonly text: string;
  /** The text that it goes on from; "" where it begins a sequence. */
  readonly before: string;
}

/** Texts go to the library together up to so many characters: what it holds of them takes a hundred bytes a token. */
const callCharacters = 1 << 16;
const withoutSpecials = { addSpecialTokens: false };

/** The stages that differ where a text goes on in the middle of a line. */
interface Stages {
  readonly normalizer: Normalizer;
  readonly preTokenizer: PreTokenizer;
}

interface Continuing {
  readonly usual: Stages;
  readonly continued: Stages;
  readonly afterAddedTokens: boolean;
}

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly eosId: number;
  /** Put before a text by the tokenizer's post-processor. */
  readonly leadingIds: readonly number[];
  /** Put after it. */
  readonly trailingIds: readonly number[];
  /** Contents of all added tokens. */
  readonly addedTexts: readonly string[];
  /** Contents of those that are special: left out by `decode`. */
  readonly specialTexts: ReadonlySet<string>;
  readonly #library: Library;
  readonly #decoder: Decoder | null;
  readonly #continuing: Continuing | undefined;
  /** The call that uses the library's stages now, where texts that go on need others. */
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(library: Library, special: SpecialTokens, added: ReadonlyMap<string, boolean>, around: Around) {
    this.#library = library;
    this.#decoder = library.getDecoder();
    this.special = special;
    this.addedTexts = [...added.keys()];
    this.specialTexts = new Set(this.addedTexts.filter((content) => added.get(content) === true));
    this.eosId = around.eosId;
    this.leadingIds = around.leading;
    this.trailingIds = around.trailing;
    this.#continuing = around.continuing;
  }

  /** From the texts of the model's files. Throws a failure that names the file. */
  static async load(texts: TokenizerTexts): Promise<Tokenizer> {
    const { special, named, added } = readSpecialTokens(texts.config, texts.specialTokensMap);
    const file = readTokenizerFile(texts.tokenizer);
    const library = usable(() => Library.fromString(deterministicText(texts.tokenizer, file)));
    requireBoundedGrowth(file);
    // The trainer cuts and pads; the library would do so without a word.
    library.disableTruncation();
    library.disablePadding();
    const contents = new Map(file.added_tokens.map(({ content, special: isSpecial }) => [content, isSpecial === true]));
    addTokens(library, contents, added);
    // Special tokens that the vocabulary lacks stay out: the model has no row for them.
    addTokens(
      library,
      contents,
      named.filter(({ content }) => library.tokenToId(content) !== null),
    );
    const eosId = library.tokenToId(special.eosToken);
    if (eosId === null)
      throw invalidFile(`has no token ${JSON.stringify(special.eosToken)}, which is named as eos_token`);
    const continuation = continuationOf(file);
    const continuing = continuation && usable(() => continuingOf(library, continuation));
    return new Tokenizer(library, special, contents, { eosId, continuing, ...(await postProcessed(library, eosId)) });
  }

  /** Ids of a text that goes on from `before`. Throws `RowError` for one that cannot be encoded. */
  async encode(text: string, before = ""): Promise<number[]> {
    const [ids] = await this.encodeAll([{ text, before }]);
    if (ids instanceof RowError) throw ids;
    return ids!;
  }

  /** Ids of each text, or why it cannot be encoded. */
  async encodeAll(texts: readonly TextToEncode[]): Promise<(number[] | RowError)[]> {
    const continuing = this.#continuing;
    if (continuing === undefined) return await this.#encodeEach(texts.map(({ text }) => text));
    const cuts = texts.map(({ text, before }) => this.#continuedLength(text, before, continuing));
    return await this.#alone(async () => {
      this.#use(continuing.continued);
      try {
        const first = await this.#encodeEach(texts.map(({ text }, index) => text.slice(0, cuts[index])));
        this.#use(continuing.usual);
        const rest = await this.#encodeEach(texts.map(({ text }, index) => text.slice(cuts[index])));
        return first.map((ids, index) => joined(ids, rest[index]!));
      } finally {
        this.#use(continuing.usual);
      }
    });
  }

  /** Text of tokens, special ones left out. */
  decode(ids: readonly number[]): string {
    return this.#textOf(this.#tokensOf(ids).filter((token) => !this.specialTexts.has(token)));
  }

  /** Text of all tokens, as a person is shown them. */
  display(ids: readonly number[]): string {
    return this.#textOf(this.#tokensOf(ids));
  }

  /** The token's id; undefined where the tokenizer has none of this content. */
  idOf(content: string): number | undefined {
    return this.#library.tokenToId(content) ?? undefined;
  }

  /** As the library's own `decode` does it, which cannot be called without waiting. */
  #tokensOf(ids: readonly number[]): string[] {
    return ids.flatMap((id) => this.#library.idToToken(id) ?? []);
  }

  #textOf(tokens: string[]): string {
    if (tokens.length === 0) return "";
    return this.#decoder ? this.#decoder.decode(tokens) : tokens.join(" ");
  }

  /** How much of a text goes on from `before`: after an added token, a text is encoded as at its beginning. */
  #continuedLength(text: string, before: string, { afterAddedTokens }: Continuing): number {
    if (before === "") return 0;
    if (!afterAddedTokens) return text.length;
    if (this.addedTexts.some((token) => before.endsWith(token))) return 0;
    return Math.min(text.length, ...this.addedTexts.map((token) => text.indexOf(token)).filter((at) => at >= 0));
  }

  #use({ normalizer, preTokenizer }: Stages): void {
    this.#library.setNormalizer(normalizer);
    this.#library.setPreTokenizer(preTokenizer);
  }

  /** Does work after all earlier work. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => {});
    return await done;
  }

  async #encodeEach(texts: readonly string[]): Promise<(number[] | RowError)[]> {
    const results: (number[] | RowError)[] = [];
    for (let start = 0, end = 0; start < texts.length; start = end) {
      for (let characters = 0; end < texts.length && (end === start || characters < callCharacters); end++) {
        characters += texts[end]!.length;
      }
      results.push(...(await this.#encodeTogether(texts.slice(start, end))));
    }
    return results;
  }

  async #encodeTogether(texts: string[]): Promise<(number[] | RowError)[]> {
    if (texts.every((text) => text === "")) return texts.map(() => []);
    try {
      return (await this.#library.encodeBatch(texts, withoutSpecials)).map((encoding) => encoding.getIds());
    } catch {
      // Not in the library's words, which may quote the row.
      if (texts.length === 1) return [new RowError("the tokenizer cannot encode it")];
      const each: (number[] | RowError)[] = [];
      for (const text of texts) each.push(...(await this.#encodeTogether([text])));
      return each;
    }
  }
}

const joined = (first: number[] | RowError, rest: number[] | RowError) =>
  first instanceof RowError ? first : rest instanceof RowError ? rest : [...first, ...rest];

interface Around {
  readonly eosId: number;
  readonly leading: readonly number[];
  readonly trailing: readonly number[];
  readonly continuing: Continuing | undefined;
}

/** Adds tokens that the library lacks, and makes special what it has as a plain token; keeps the list of contents. */
function addTokens(library: Library, contents: Map<string, boolean>, tokens: readonly NamedToken[]): void {
  for (const { content, special, ...options } of tokens) {
    if (content === "" || (contents.has(content) && (contents.get(content) || !special))) continue;
    library.addAddedTokens([new AddedToken(content, special, options)]);
    contents.set(content, special);
  }
}

function continuingOf(library: Library, { text, afterAddedTokens }: Continuation): Continuing {
  const none = Library.fromString(emptyTokenizer);
  const stages = (own: Library): Stages => ({
    normalizer: own.getNormalizer() ?? none.getNormalizer()!,
    preTokenizer: own.getPreTokenizer() ?? none.getPreTokenizer()!,
  });
  return { usual: stages(library), continued: stages(Library.fromString(text)), afterAddedTokens };
}

/** Its stages do nothing. */
const emptyTokenizer = JSON.stringify({
  version: "1.0",
  added_tokens: [],
  normalizer: { type: "Sequence", normalizers: [] },
  pre_tokenizer: { type: "Sequence", pretokenizers: [] },
  model: { type: "BPE", vocab: {}, merges: [] },
});

/** What the post-processor puts around a text, found by letting it do so. */
async function postProcessed(library: Library, eosId: number): Promise<Pick<Around, "leading" | "trailing">> {
  const encoded = await library.encode("a", null, { addSpecialTokens: true });
  const [ids, added] = [encoded.getIds(), encoded.getSpecialTokensMask()];
  const first = added.indexOf(0);
  // A vocabulary that has no token for the letter: all ids are the post-processor's, and none is between them.
  if (first < 0) return { leading: ids.filter((id) => id !== eosId), trailing: ids.filter((id) => id === eosId) };
  return { leading: ids.slice(0, first), trailing: ids.slice(added.lastIndexOf(0) + 1) };
}

/** Faults of tokenizer.json show in the library's errors. */
function usable<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw invalidFile(`cannot be loaded: ${messageOf(error)}`);
  }
}
