/** The end tokens that a model's configurations list, and all of them in words. Pure. */
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";
import { parseJson } from "../../formats/huggingFace.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

const id = z.int().min(0);
const configuration = z.looseObject({ eos_token_id: z.union([id, z.array(id)]).nullish() });

export interface EndTokenTexts {
  /** config.json */
  readonly modelConfig?: string | undefined;
  /** generation_config.json */
  readonly generationConfig?: string | undefined;
}

/** The ids of both files. Throws a failure that names the file. */
export function configuredEndIds({ modelConfig, generationConfig }: EndTokenTexts): number[] {
  return [...endIdsOf("config.json", modelConfig), ...endIdsOf("generation_config.json", generationConfig)];
}

function endIdsOf(file: string, text: string | undefined): number[] {
  if (text === undefined) return [];
  const parsed = configuration.safeParse(parseJson(file, text));
  if (!parsed.success) {
    throw invalid("BaseModelInvalid", `${file}: eos_token_id: must be a token's id or a list of ids`);
  }
  return [parsed.data.eos_token_id ?? []].flat();
}

/** A token that ends an answer, for people. */
export interface EndToken {
  readonly id: number;
  /** Empty for an id beyond the tokenizer. */
  readonly text: string;
}

/** The end tokens of a codec, by their ids. */
export const endTokensOf = (codec: {
  readonly endIds: ReadonlySet<number>;
  readonly tokenizer: Pick<Tokenizer, "display">;
}): EndToken[] => [...codec.endIds].sort((a, b) => a - b).map((id) => ({ id, text: codec.tokenizer.display([id]) }));

/** `<|im_end|> (1), </s> (2)` */
export const endTokensText = (tokens: readonly EndToken[]): string =>
  tokens.map(({ id, text }) => `${text === "" ? "no token" : text} (${id})`).join(", ");
