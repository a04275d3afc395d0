/**
 * The experts of checkpoints, which name or hold them otherwise than the trainer, whose names are those of transformers 5's
 * modules: `mlp.gate` or `mlp.router`, and a matrix [out, in] for each expert, `mlp.experts.E.NAME.weight`.
 *
 * Mixtral's checkpoints say `block_sparse_moe`, w1, w3 and w2. gpt-oss' hold the experts of a layer in one tensor,
 * `experts.NAME` [experts, in, out], or in MXFP4 `experts.NAME_blocks` [experts, out, in / 32, 16] with `experts.NAME_scales`
 * [experts, out, in / 32]. A written model has the checkpoint's form again. A base that prepare quantised has the trainer's.
 */
import { invalid } from "../contract/failure.ts";
import { type Family, familyRules } from "../contract/families.ts";
import type { ModelConfig } from "../contract/model.ts";
import { mxfp4Block, mxfp4BlockBytes } from "../formats/coded.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";

type Table = ReadonlyMap<string, PlacedTensor>;
interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}
/** A tensor of a written model: the trainer's tensors that it holds, one after another. */
export interface WrittenTensor extends NamedShape {
  readonly parts: readonly NamedShape[];
  /** The parts are transposed. */
  readonly isTransposed: boolean;
}

const stored = /^(.*\.mlp\.experts)\.(gate_up_proj|down_proj)(_blocks|_scales)?$/;
const own = /^(.*\.mlp\.experts)\.(\d+)\.(gate_up_proj|down_proj)\.weight$/;
const mixtral = { w1: "gate_proj", w3: "up_proj", w2: "down_proj" } as const;

/** The trainer's name of a checkpoint's tensor, or of a part of one. */
function ownName(name: string, family: Family): string {
  if (family !== "mixtral") return name;
  return name
    .replace(".block_sparse_moe.", ".mlp.")
    .replace(/(\.experts\.\d+\.)(w[123])\b/, (_, at, part: keyof typeof mixtral) => `${at}${mixtral[part]}`);
}

/** The checkpoint's name of a tensor that it holds by itself. */
export function storedName(name: string, family: Family): string {
  if (family !== "mixtral") return name;
  const parts = Object.entries(mixtral);
  return name
    .replace(/\.mlp\.(gate|experts)\./, ".block_sparse_moe.$1.")
    .replace(/(\.experts\.\d+\.)([a-z_]+)/, (_, at, part) => at + (parts.find(([, one]) => one === part)?.[0] ?? part));
}

/** The table with a matrix for each expert, by the trainer's names. Throws a failure that names a tensor of another shape. */
export function withExperts(table: Table, config: ModelConfig, isMxfp4: boolean): Table {
  const made = new Map<string, PlacedTensor>();
  const put = (tensor: PlacedTensor) => made.set(tensor.name, tensor);
  for (const tensor of table.values()) {
    const [, at, part, kind] = (familyRules[config.family].fusesExperts && stored.exec(tensor.name)) || [];
    if (at === undefined || part === undefined) put({ ...tensor, name: ownName(tensor.name, config.family) });
    else if (kind === "_scales") {
      if (!table.has(`${at}.${part}_blocks`)) throw mismatch(`${at}.${part}_blocks is missing beside ${tensor.name}`);
    } else {
      const layer = { at, part, ...sizesOf(part, config) };
      const members =
        kind === undefined ? transposedExperts(tensor, layer) : mxfp4Experts(tensor, table, layer, isMxfp4);
      members.forEach(put);
    }
  }
  return made;
}

interface FusedLayer {
  readonly at: string;
  readonly part: string;
  readonly count: number;
  readonly out: number;
  readonly width: number;
}

function sizesOf(part: string, { hiddenSize, experts }: ModelConfig) {
  const { count, width } = experts!;
  const isDown = part === "down_proj";
  return { count, out: isDown ? hiddenSize : 2 * width, width: isDown ? width : hiddenSize };
}

const nameOf = ({ at, part }: FusedLayer, expert: number) => `${at}.${expert}.${part}.weight`;
const memberOf = (tensor: PlacedTensor, count: number, index: number) => {
  const bytes = (tensor.end - tensor.start) / count;
  return { file: tensor.file, start: tensor.start + index * bytes, end: tensor.start + (index + 1) * bytes };
};

function transposedExperts(tensor: PlacedTensor, layer: FusedLayer): PlacedTensor[] {
  const { count, out, width } = layer;
  shaped(tensor, [count, width, out]);
  return Array.from({ length: count }, (_, expert) => ({
    ...tensor,
    ...memberOf(tensor, count, expert),
    ...{ name: nameOf(layer, expert), shape: [out, width], coding: { kind: "transposed" } },
  }));
}

function mxfp4Experts(blocks: PlacedTensor, table: Table, layer: FusedLayer, isMxfp4: boolean): PlacedTensor[] {
  const { at, part, count, out, width } = layer;
  if (!isMxfp4)
    throw mismatch(
      `${blocks.name} is stored in MXFP4, but config.json has no quantization_config of quant_method "mxfp4": add it, or take the model in BF16`,
    );
  const scales = table.get(`${at}.${part}_scales`);
  if (scales === undefined) throw mismatch(`${at}.${part}_scales is missing beside ${blocks.name}`);
  shaped(blocks, [count, out, width / mxfp4Block, mxfp4BlockBytes], "U8");
  shaped(scales, [count, out, width / mxfp4Block], "U8");
  return Array.from({ length: count }, (_, expert) => ({
    ...blocks,
    ...memberOf(blocks, count, expert),
    ...{ name: nameOf(layer, expert), shape: [out, width], dtype: "BF16" },
    coding: { kind: "mxfp4", scales: memberOf(scales, count, expert) },
  }));
}

function shaped(tensor: PlacedTensor, shape: readonly number[], dtype = tensor.dtype): void {
  if (tensor.shape.join() === shape.join() && tensor.dtype === dtype) return;
  throw mismatch(
    `${tensor.name} is ${tensor.dtype} [${tensor.shape.join(", ")}], and config.json promises ${dtype} [${shape.join(", ")}] ` +
      "(num_local_experts, hidden_size, intermediate_size); take config.json and weights of one model",
  );
}

const mismatch = (what: string) => invalid("BaseModelMismatch", `the base model does not fit its config.json: ${what}`);

/** The tensors of a written model, as checkpoints of its family have them. */
export function writtenTensors(
  tensors: readonly NamedShape[],
  { family }: Pick<ModelConfig, "family">,
): WrittenTensor[] {
  const { fusesExperts } = familyRules[family];
  const groups = Map.groupBy(tensors, ({ name }) => (fusesExperts ? name.replace(own, "$1.$3") : name));
  return [...groups].map(([name, parts]) => {
    const { name: first, shape } = parts[0]!;
    if (first === name) return { name: storedName(name, family), shape, parts, isTransposed: false };
    const [out = 0, width = 0] = shape;
    const experts = [...parts].sort((a, b) => expertOf(a) - expertOf(b));
    return { name, shape: [experts.length, width, out], parts: experts, isTransposed: true };
  });
}

const expertOf = ({ name }: NamedShape): number => Number(own.exec(name)?.[2]);
