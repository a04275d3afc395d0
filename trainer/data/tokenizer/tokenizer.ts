/**
 * The model's own tokenizer. Hugging Face's tokenizers library encodes and decodes; only this file loads it. The
 * library is native code, and a panic in it (for example, for a pattern of tokenizer.json that backtracks too long)
 * ends the process. Data are therefore encoded in separate processes (encoders.ts).
 *
 * Texts are encoded unchanged, with their special tokens recognised and nothing added around them. `leadingIds` and
 * `trailingIds` are the tokens that the tokenizer's post-processor adds around a text. No tokenizer may put a space
 * before a text that continues in the middle of a line: `before` is the text that precedes it.
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
  /** special_tokens_map.json, if present. */
  readonly specialTokensMap?: string | undefined;
  /** added_tokens.json, if present. */
  readonly addedTokens?: string | undefined;
}

export interface TextToEncode {
  readonly text: string;
  /** The preceding text; "" at the start of a sequence. */
  readonly before: string;
}

/** Maximum characters per call of the library, which needs a hundred bytes per token. */
const callCharacters = 1 << 16;
const withoutSpecials = { addSpecialTokens: false };

/** The stages that differ for a text that continues in the middle of a line. */
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
  /** Number of its tokens, added ones included. */
  readonly size: number;
  /** Tokens that the post-processor puts before a text. */
  readonly leadingIds: readonly number[];
  /** Tokens that it puts after a text. */
  readonly trailingIds: readonly number[];
  /** Contents of all added tokens. */
  readonly addedTexts: readonly string[];
  /** Contents of the special tokens, which `decode` omits. */
  readonly specialTexts: ReadonlySet<string>;
  readonly #library: Library;
  readonly #decoder: Decoder | null;
  readonly #continuing: Continuing | undefined;
  /** Contents of the added tokens that take the white space after them. */
  readonly #strips: readonly string[];
  /** The call that currently uses the library's stages, if continued texts need other stages. */
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(library: Library, special: SpecialTokens, added: ReadonlyMap<string, boolean>, around: Around) {
    this.#library = library;
    this.#decoder = library.getDecoder();
    this.special = special;
    this.size = library.getVocabSize(true);
    this.addedTexts = [...added.keys()];
    this.specialTexts = new Set(this.addedTexts.filter((content) => added.get(content) === true));
    this.eosId = around.eosId;
    this.leadingIds = around.leading;
    this.trailingIds = around.trailing;
    this.#continuing = around.continuing;
    this.#strips = around.strips;
  }

  /** Loads the texts of the model's files. Throws a failure that names the file. */
  static async load(texts: TokenizerTexts): Promise<Tokenizer> {
    const { special, named, added } = readSpecialTokens(texts.config, texts.specialTokensMap, texts.addedTokens);
    const file = readTokenizerFile(texts.tokenizer);
    const library = usable(() => Library.fromString(deterministicText(texts.tokenizer, file)));
    requireBoundedGrowth(file);
    // The trainer truncates and pads; the library would do so silently.
    library.disableTruncation();
    library.disablePadding();
    const strips = [
      ...file.added_tokens.filter(({ rstrip }) => rstrip),
      ...[...added, ...named].filter((one) => one.rightStrip),
    ];
    const contents = new Map(file.added_tokens.map(({ content, special: isSpecial }) => [content, isSpecial === true]));
    addTokens(library, contents, added);
    // Special tokens missing from the vocabulary are skipped, because the model has no row for them.
    addTokens(
      library,
      contents,
      named.filter(({ content }) => library.tokenToId(content) !== null),
    );
    const eosId = library.tokenToId(special.eosToken);
    if (eosId === null)
      throw invalidFile(`has no token ${JSON.stringify(special.eosToken)}, which the configuration names as eos_token`);
    const continuation = continuationOf(file);
    const continuing = continuation && usable(() => continuingOf(library, continuation));
    const around = {
      eosId,
      continuing,
      strips: strips.map(({ content }) => content).filter((content) => contents.has(content)),
    };
    return new Tokenizer(library, special, contents, { ...around, ...(await postProcessed(library, eosId)) });
  }

  /** Ids of a text that continues after `before`. Throws `RowError` for one that cannot be encoded. */
  async encode(text: string, before = ""): Promise<number[]> {
    const [ids] = await this.encodeAll([{ text, before }]);
    if (ids instanceof RowError) throw ids;
    return ids!;
  }

  /** Ids of a whole text with the tokens that the post-processor adds around it. Throws as `encode` does. */
  async encodeWhole(text: string): Promise<number[]> {
    return [...this.leadingIds, ...(await this.encode(text)), ...this.trailingIds];
  }

  /** Ids of each text, or the error why it cannot be encoded. */
  async encodeAll(given: readonly TextToEncode[]): Promise<(number[] | RowError)[]> {
    const texts = this.#strips.length === 0 ? given : given.map((one) => this.#afterToken(one));
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

  /** Text of tokens, without special ones. */
  decode(ids: readonly number[]): string {
    return this.#textOf(this.#tokensOf(ids).filter((token) => !this.specialTexts.has(token)));
  }

  /** Text of all tokens, for people. */
  display(ids: readonly number[]): string {
    return this.#textOf(this.#tokensOf(ids));
  }

  /** The token's id; undefined when the tokenizer has no token with this content. */
  idOf(content: string): number | undefined {
    return this.#library.tokenToId(content) ?? undefined;
  }

  /** Decodes like the library's `decode`, which is asynchronous. */
  #tokensOf(ids: readonly number[]): string[] {
    return ids.flatMap((id) => this.#library.idToToken(id) ?? []);
  }

  #textOf(tokens: string[]): string {
    if (tokens.length === 0) return "";
    return this.#decoder ? this.#decoder.decode(tokens) : tokens.join(" ");
  }

  /** Without the white space that the token before the text takes, as if both were encoded at once. */
  #afterToken({ text, before }: TextToEncode): TextToEncode {
    const seen = before.replace(/\p{White_Space}+$/u, "");
    if (!this.#strips.some((token) => seen.endsWith(token))) return { text, before };
    return { text: text.replace(/^\p{White_Space}+/u, ""), before: seen };
  }

  /** How much of a text continues `before`: after an added token, a text is encoded as at a start. */
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

  /** Runs work after all earlier work. */
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
      // Does not use the library's message, because it may quote the row.
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
  readonly strips: readonly string[];
}

/** Adds missing tokens to the library, marks its plain tokens special, and updates the list of contents. */
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

/** Finds the tokens that the post-processor puts around a text by encoding one. */
async function postProcessed(library: Library, eosId: number): Promise<Pick<Around, "leading" | "trailing">> {
  const encode = (text: string) => library.encode(text, null, { addSpecialTokens: true });
  // A vocabulary without the letter and without a token for unknown ones cannot encode it.
  const encoded = await encode("a").catch(async () => {
    return await encode("").catch((error: unknown) => {
      throw invalidFile(`cannot encode a text: ${messageOf(error)}`);
    });
  });
  const [ids, added] = [encoded.getIds(), encoded.getSpecialTokensMask()];
  const first = added.indexOf(0);
  // If the vocabulary has no token for the letter, all ids are the post-processor's.
  if (first < 0) return { leading: ids.filter((id) => id !== eosId), trailing: ids.filter((id) => id === eosId) };
  return { leading: ids.slice(0, first), trailing: ids.slice(added.lastIndexOf(0) + 1) };
}

/** Reports the library's errors as faults of tokenizer.json. */
function usable<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw invalidFile(`cannot be loaded: ${messageOf(error)}`);
  }
}
