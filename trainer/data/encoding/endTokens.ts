/** The end tokens that a model's configurations list. Pure. */
import { z } from "zod";
import { invalid } from "../../contract/failure.ts";
import { parseJson } from "../../formats/huggingFace.ts";

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
