/**
 * The model's own tokenizer (tokenizer.json, tokenizer_config.json), through @huggingface/tokenizers.
 * Special tokens come from the text alone: nothing is added around it.
 */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { invalid, messageOf, StageFailure } from "../failure.ts";
import { parseJson } from "../formats/huggingFace.ts";
import { RowError } from "./example.ts";
import { TimeLimitError, withinTime } from "./timeLimit.ts";
import { tooSlow } from "./tooSlow.ts";
import { WordEncoder } from "./wordEncoder.ts";

const token = z.union([z.string().max(512), z.object({ content: z.string().max(512) }).transform((t) => t.content)]);

const tokenizerConfig = z.looseObject({
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  pad_token: token.nullish(),
  unk_token: token.nullish(),
  add_bos_token: z.boolean().nullish(),
});

export interface SpecialTokens {
  bosToken: string | undefined;
  eosToken: string;
  padToken: string | undefined;
  unkToken: string | undefined;
}

/** The largest in use, of a vocabulary of 256,000 words, have 35 MB. */
const maxTokenizerLength = 134_217_728;
/** Of one text, in milliseconds. */
const maxEncodeTime = 5_000;

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly eosId: number;
  /** Put before plain text, where the tokenizer's settings say so. */
  readonly leadingIds: readonly number[];
  /** Contents of the tokens that the tokenizer calls special, beginnings and ends of turns among them. */
  readonly specialTexts: readonly string[];
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #words: WordEncoder | undefined;

  /** From the texts of the two files. Throws a failure that names the file. */
  constructor(tokenizerJson: string, tokenizerConfigJson: string) {
    const config = tokenizerConfig.safeParse(parseJson("tokenizer_config.json", tokenizerConfigJson));
    if (!config.success) throw invalid("TokenizerInvalid", `tokenizer_config.json: ${z.prettifyError(config.error)}`);
    const { bos_token, eos_token, pad_token, unk_token, add_bos_token } = config.data;
    if (!eos_token)
      throw invalid("TokenizerInvalid", "tokenizer_config.json: eos_token is not set; answers need an end");
    this.#tokenizer = load(tokenizerJson, config.data);
    this.#words = usable(() => WordEncoder.of(this.#tokenizer));
    const added = [...this.#tokenizer.get_added_tokens_decoder().values()];
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

  /** Throws `RowError` for a text that cannot be encoded. */
  encode(text: string): number[] {
    const ids: number[] = [];
    this.append(text, ids);
    return ids;
  }

  /** Appends the ids of a text. Throws `RowError`. */
  append(text: string, ids: number[]): void {
    if (text === "") return;
    try {
      withinTime(maxEncodeTime, () => (this.#words ? this.#words.encode(text, ids) : this.#appendWhole(text, ids)));
    } catch (error) {
      if (error instanceof TimeLimitError) throw tooSlow(`${error.message} for one text`);
      if (error instanceof RowError || error instanceof StageFailure) throw error;
      throw new RowError(`the tokenizer refuses it: ${messageOf(error)}`);
    }
  }

  #appendWhole(text: string, ids: number[]): void {
    for (const id of this.#tokenizer.encode(text, { add_special_tokens: false }).ids) {
      if (id === undefined) throw new RowError("the tokenizer has no token for a part of it");
      ids.push(id);
    }
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

  /**
   * What is wrong with a part of the tokenizer shows when it is used. Turns are encoded one by one; a tokenizer that
   * begins every text with a space would put one at every border.
   */
  #tryOut(): void {
    usable(() => {
      this.#refuseLeadingSpace();
      this.decode(this.encode("a"));
    });
  }

  #refuseLeadingSpace(): void {
    const first = withinTime(maxEncodeTime, () => this.#tokenizer.encode("a", { add_special_tokens: false }).tokens[0]);
    if (first?.startsWith("\u2581")) {
      throw invalid(
        "TokenizerUnsupported",
        "tokenizer.json: puts a space before every text (Metaspace with prepend_scheme); byte-level tokenizers are supported",
      );
    }
  }
}

function load(tokenizerJson: string, config: object): HuggingFaceTokenizer {
  if (tokenizerJson.length > maxTokenizerLength) {
    throw invalid(
      "TokenizerInvalid",
      `tokenizer.json: has ${tokenizerJson.length} characters, over ${maxTokenizerLength}`,
    );
  }
  const parsed = parseJson("tokenizer.json", tokenizerJson);
  return usable(() => withinTime(maxEncodeTime, () => new HuggingFaceTokenizer(Object(parsed), config)));
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
