/**
 * An adapter of LoRA with one rank and one scale for all layers, as vLLM assumes: A gets rows of zeros and B columns of
 * zeros up to the next rank that vLLM accepts, and alpha keeps the scale. B of a layer with another scale takes the
 * quotient. The updates s·B·A stay. Pure.
 */
import { paddingRefusal } from "../contract/exports.ts";
import { invalid } from "../contract/failure.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import type { DecodedTensor } from "../formats/safetensors.ts";
import { loraPeft } from "../methods/lora/peft.ts";
import { type PeftConfig, PeftMembers } from "../methods/peftMembers.ts";
import { updateOf } from "../methods/update.ts";
import { encodeValues } from "../weights/merge.ts";

/** The choices of vLLM's max_lora_rank. */
const servedRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512];

export interface PeftFiles {
  readonly config: PeftConfig;
  readonly tensors: ReadonlyMap<string, DecodedTensor>;
}

const factor = /^(.+)\.lora_(?:embedding_)?([AB])(?:\.weight)?$/;

/** A has its rank in rows, B in columns. */
const rankOf = (side: string, [rows = 0, columns = 0]: readonly number[]) => (side === "A" ? rows : columns);

/** Throws a failure if vLLM loads such an adapter with no rank. */
export function paddedRanks({ config, tensors }: PeftFiles): PeftFiles {
  if (!loraPeft.matches(config)) throw refused(paddingRefusal);
  const settings = loraPeft.read(new PeftMembers(config));
  if (
    settings.bias !== "None" ||
    settings.targetParameters.length > 0 ||
    [...tensors.keys()].some((key) => !factor.test(key))
  )
    throw refused(paddingRefusal);
  const largest = Math.max(...[...tensors].map(([key, { shape }]) => rankOf(factor.exec(key)?.[2] ?? "", shape)));
  const rank = servedRanks.find((served) => served >= largest);
  if (rank === undefined)
    throw refused(
      `adapter.padRanks: the largest rank is ${largest}, and vLLM accepts at most 512: lower method.lora.rank`,
    );
  const { scale } = updateOf("", { ...settings, rankPattern: {}, alphaPattern: {} });
  const padded = [...tensors].map(([key, tensor]): [string, DecodedTensor] => {
    const [, site = "", side = ""] = factor.exec(key) ?? [];
    const quotient = side === "B" ? updateOf(site, settings).scale / scale : 1;
    return [key, filledUp(tensor, side === "A" ? [rank, tensor.shape[1]!] : [tensor.shape[0]!, rank], quotient)];
  });
  const uniform = { r: rank, lora_alpha: scale * rank, use_rslora: false, rank_pattern: {}, alpha_pattern: {} };
  return { config: { ...config, ...uniform }, tensors: new Map(padded) };
}

/** A matrix times a number, with zeros beyond its old rows and columns. */
function filledUp(
  { dtype, shape: [oldRows = 0, oldColumns = 0], data }: DecodedTensor,
  [rows, columns]: readonly [number, number],
  times: number,
): DecodedTensor {
  if (!isFloatType(dtype)) throw refused(paddingRefusal);
  const values = widened(data, dtype);
  const filled = new Float32Array(rows * columns);
  for (let row = 0; row < oldRows; row++) {
    const from = values.subarray(row * oldColumns, (row + 1) * oldColumns);
    filled.set(times === 1 ? from : from.map((value) => value * times), row * columns);
  }
  return { dtype, shape: [rows, columns], data: encodeValues(filled, dtype) };
}

const refused = (message: string) => invalid("PaddingImpossible", message);
