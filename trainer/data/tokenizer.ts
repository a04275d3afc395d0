/**
 * The model's own tokenizer (tokenizer.json, tokenizer_config.json), through @huggingface/tokenizers.
 * Special tokens come from the text alone: nothing is added around it.
 */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { invalid, messageOf } from "../failure.ts";
import { parseJson } from "../formats/huggingFace.ts";

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

export class Tokenizer {
  readonly special: SpecialTokens;
  readonly eosId: number;
  /** Put before plain text, where the tokenizer's settings say so. */
  readonly leadingIds: readonly number[];
  readonly #tokenizer: HuggingFaceTokenizer;

  /** From the texts of the two files. Throws a failure that names the file. */
  constructor(tokenizerJson: string, tokenizerConfigJson: string) {
    const config = tokenizerConfig.safeParse(parseJson("tokenizer_config.json", tokenizerConfigJson));
    if (!config.success) throw invalid("TokenizerInvalid", `tokenizer_config.json: ${z.prettifyError(config.error)}`);
    const { bos_token, eos_token, pad_token, unk_token, add_bos_token } = config.data;
    if (!eos_token)
      throw invalid("TokenizerInvalid", "tokenizer_config.json: eos_token is not set; answers need an end");
    this.#tokenizer = load(tokenizerJson, config.data);
    this.special = {
      bosToken: bos_token ?? undefined,
      eosToken: eos_token,
      padToken: pad_token ?? undefined,
      unkToken: unk_token ?? undefined,
    };
    this.eosId = this.#idOf(eos_token);
    this.leadingIds = add_bos_token && bos_token ? [this.#idOf(bos_token)] : [];
    this.#refuseLeadingSpace();
  }

  encode(text: string): number[] {
    return text === "" ? [] : this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** Text of tokens, special ones left out. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return "";
    // Spaces before punctuation are part of the text: an answer is compared with its reference as it is.
    return this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  #idOf(content: string): number {
    const id = this.#tokenizer.token_to_id(content);
    if (id === undefined) {
      throw invalid("TokenizerInvalid", `tokenizer.json: has no token ${JSON.stringify(content)}, named as special`);
    }
    return id;
  }

  /** Turns are encoded one by one; a tokenizer that begins every text with a space would put one at every border. */
  #refuseLeadingSpace(): void {
    const first = this.#tokenizer.encode("a", { add_special_tokens: false }).tokens[0];
    if (first?.startsWith("\u2581")) {
      throw invalid(
        "TokenizerUnsupported",
        "tokenizer.json: puts a space before every text (Metaspace with prepend_scheme); byte-level tokenizers are supported",
      );
    }
  }
}

function load(tokenizerJson: string, config: object): HuggingFaceTokenizer {
  const parsed = parseJson("tokenizer.json", tokenizerJson);
  try {
    return new HuggingFaceTokenizer(Object(parsed), config);
  } catch (error) {
    throw invalid("TokenizerInvalid", `tokenizer.json: cannot be used: ${messageOf(error)}`);
  }
}
