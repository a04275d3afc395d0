/**
 * The model's own tokenizer (tokenizer.json, tokenizer_config.json), through @huggingface/tokenizers.
 * Special tokens come from the text alone: nothing is added around it.
 *
 * Tokenizers that come from SentencePiece put a space before a text, and after each special token. Where a text goes on
 * in the middle of a line, there is none: `before` says what it goes on from.
 */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { invalid, messageOf, StageFailure } from "../../contract/failure.ts";
import { parseJson } from "../../formats/huggingFace.ts";
import { RowError } from "../rows/example.ts";
import { generousTime, TimeLimitError, tooSlow, withinTime } from "../rows/timeLimit.ts";
import { GrowableUint32 } from "./growable.ts";
import { readTokenizerFile, type Stage, stagesOf, type TokenizerFile } from "./tokenizerFile.ts";
import { mendDecoder, mendStages } from "./tokenizerStages.ts";
import { WordEncoder } from "./wordEncoder.ts";

const token = z.union([z.string().max(512), z.object({ content: z.string().max(512) }).transform((t) => t.content)]);

const tokenizerConfig = z.looseObject({
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  pad_token: token.nullish(),
  unk_token: token.nullish(),
  add_bos_token: z.boolean().nullish(),
  additional_special_tokens: z.array(token).nullish(),
});

export interface SpecialTokens {
  bosToken: string | undefined;
  eosToken: string;
  padToken: string | undefined;
  unkToken: string | undefined;
}

/** The largest in use, of a vocabulary of 256,000 words, have 35 MB. */
const maxTokenizerLength = 134_217_728;

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly eosId: number;
  /** Put before plain text, where the tokenizer's settings say so. */
  readonly leadingIds: readonly number[];
  /** Contents of the tokens that the tokenizer calls special, beginnings and ends of turns among them. */
  readonly specialTexts: readonly string[];
  readonly #tokenizer: HuggingFaceTokenizer;
  /** Encodes a text that goes on; undefined where that is no other thing. */
  readonly #going: GoingOn | undefined;
  readonly #added: readonly string[];
  readonly #words: WordEncoder | undefined;

  /** From the texts of the two files. Throws a failure that names the file. */
  constructor(tokenizerJson: string, tokenizerConfigJson: string) {
    const config = tokenizerConfig.safeParse(parseJson("tokenizer_config.json", tokenizerConfigJson));
    if (!config.success) throw invalid("TokenizerInvalid", `tokenizer_config.json: ${z.prettifyError(config.error)}`);
    const { bos_token, eos_token, pad_token, unk_token, add_bos_token, additional_special_tokens } = config.data;
    if (!eos_token)
      throw invalid("TokenizerInvalid", "tokenizer_config.json: eos_token is not set; answers need an end");
    const file = read(tokenizerJson);
    // Of the settings, this alone is one of the tokenizers library's; it is about what is left out when text is shown.
    const settings = { additional_special_tokens: additional_special_tokens ?? [] };
    this.#tokenizer = load(file, settings);
    this.#going = goingOn(file, settings, this.#tokenizer);
    this.#words = usable(() => WordEncoder.of(this.#tokenizer));
    const added = [...this.#tokenizer.get_added_tokens_decoder().values()];
    this.#added = added.map(({ content }) => content);
    this.specialTexts = added.filter(({ special }) => special).map(({ content }) => content);
    this.special = {
      bosToken: bos_token ?? undefined,
      eosToken: eos_token,
      padToken: pad_token ?? undefined,
      unkToken: unk_token ?? undefined,
    };
    this.eosId = this.#idOf(eos_token);
    this.leadingIds = add_bos_token && bos_token ? [this.#idOf(bos_token)] : [];
    this.#tryOut();
  }

  /** Ids of a text that goes on from `before`. Throws `RowError` for one that cannot be encoded. */
  encode(text: string, before = ""): number[] {
    const ids = new GrowableUint32();
    this.append(text, ids, before);
    return [...ids.values()];
  }

  /** Appends what `encode` gives. Throws `RowError`. */
  append(text: string, ids: GrowableUint32, before = ""): void {
    if (text === "") return;
    try {
      withinTime(generousTime, () =>
        this.#words ? this.#words.encode(text, ids) : this.#appendWhole(text, ids, before),
      );
    } catch (error) {
      if (error instanceof TimeLimitError) throw tooSlow(`${error.message} for one text`);
      if (error instanceof RowError || error instanceof StageFailure) throw error;
      // Not in the library's words, which may quote the row.
      throw new RowError("the tokenizer cannot encode it");
    }
  }

  #appendWhole(text: string, ids: GrowableUint32, before: string): void {
    if (this.#going === undefined || before === "") {
      appendIds(this.#tokenizer, text, ids);
      return;
    }
    const first = this.#going.spaceAfterTokens ? this.#beginningOf(text, before) : text.length;
    appendIds(this.#going.tokenizer, text.slice(0, first), ids);
    appendIds(this.#tokenizer, text.slice(first), ids);
  }

  /** Length of what goes on from `before`: after a token of its own, a text is as if it began there. */
  #beginningOf(text: string, before: string): number {
    if (this.#added.some((token) => before.endsWith(token))) return 0;
    return Math.min(text.length, ...this.#added.map((token) => text.indexOf(token)).filter((at) => at >= 0));
  }

  /** Text of tokens, special ones left out. */
  decode(ids: readonly number[]): string {
    return this.#decode(ids, true);
  }

  /** Text of all tokens, as a person is shown them. */
  display(ids: readonly number[]): string {
    return this.#decode(ids, false);
  }

  #decode(ids: readonly number[], skipSpecial: boolean): string {
    if (ids.length === 0) return "";
    // Spaces before punctuation are part of the text: an answer is compared with its reference as it is.
    return this.#tokenizer.decode([...ids], { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false });
  }

  #idOf(content: string): number {
    const id = this.#tokenizer.token_to_id(content);
    if (id === undefined) {
      throw invalid("TokenizerInvalid", `tokenizer.json: has no token ${JSON.stringify(content)}, named as special`);
    }
    return id;
  }

  /** What is wrong with a part of the tokenizer shows when it is used. */
  #tryOut(): void {
    usable(() => this.decode(this.encode("a")));
  }
}

function appendIds(tokenizer: HuggingFaceTokenizer, text: string, ids: GrowableUint32): void {
  for (const id of tokenizer.encode(text, { add_special_tokens: false }).ids) {
    if (id === undefined) throw new RowError("the tokenizer has no token for a part of it");
    ids.push(id);
  }
}

function read(tokenizerJson: string): TokenizerFile {
  if (tokenizerJson.length > maxTokenizerLength) {
    throw invalid(
      "TokenizerInvalid",
      `tokenizer.json: has ${tokenizerJson.length} characters, over ${maxTokenizerLength}`,
    );
  }
  const json = parseJson("tokenizer.json", tokenizerJson);
  return usable(() => readTokenizerFile(json));
}

function load(file: TokenizerFile, settings: object): HuggingFaceTokenizer {
  return usable(() =>
    withinTime(generousTime, () => {
      const tokenizer = new HuggingFaceTokenizer(file, settings);
      mendStages(tokenizer.pre_tokenizer, file.pre_tokenizer);
      mendDecoder(tokenizer.decoder);
      return tokenizer;
    }),
  );
}

interface GoingOn {
  /** Puts no space before a text. */
  tokenizer: HuggingFaceTokenizer;
  /** Whether there is one after each token of its own, and not before the first text alone. */
  spaceAfterTokens: boolean;
}

/** What encodes texts that go on, with the model of another; undefined where that one puts no space before a text. */
function goingOn(file: TokenizerFile, settings: object, whole: HuggingFaceTokenizer): GoingOn | undefined {
  const normalizers = stagesOf(file.normalizer, "normalizer", "normalizers").map(([, stage]) => stage);
  const splits = stagesOf(file.pre_tokenizer, "pre_tokenizer", "pretokenizers").map(([, stage]) => stage);
  const prepends = (stage: Stage) => stage.type === "Prepend";
  const marks = (stage: Stage) => stage.type === "Metaspace" && stage.prepend_scheme !== "never";
  if (!normalizers.some(prepends) && !splits.some(marks)) return undefined;
  const index = file.added_tokens.findIndex(({ normalized, special }) => normalized ?? !special);
  if (normalizers.some(prepends) && index >= 0) {
    throw invalid(
      "TokenizerUnsupported",
      `tokenizer.json: added_tokens.${index}.normalized: is not supported: true where the normalizer puts a space before every text; set it to false`,
    );
  }
  const tokenizer = load(
    {
      ...file,
      normalizer: { type: "Sequence", normalizers: normalizers.filter((stage) => !prepends(stage)) },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: splits.map((stage) => (marks(stage) ? { ...stage, prepend_scheme: "never" } : stage)),
      },
      model: { ...file.model, vocab: {}, merges: [] },
    },
    settings,
  );
  tokenizer.model = whole.model;
  const first = splits.some((stage) => marks(stage) && stage.prepend_scheme === "first");
  return { tokenizer, spaceAfterTokens: !first };
}

/** What is wrong with a part of the file shows in an error of the library's, where the part is used. */
function usable<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof StageFailure) throw error;
    throw invalid("TokenizerInvalid", `tokenizer.json: cannot be used: ${messageOf(error)}`);
  }
}
