/**
 * Checkpoints that hold the experts of a layer in one tensor, as gpt-oss does: `experts.NAME` [experts, in, out], or in MXFP4
 * `experts.NAME_blocks` [experts, out, in / 32, 16] with `experts.NAME_scales` [experts, out, in / 32]. The trainer has a
 * matrix [out, in] for each expert, `experts.E.NAME.weight`, which is read from its part of the tensor; a written model has
 * the one tensor again. A base that prepare quantised has the trainer's names.
 */
import { invalid } from "../contract/failure.ts";
import { familyRules } from "../contract/families.ts";
import type { ModelConfig } from "../contract/model.ts";
import { mxfp4Block, mxfp4BlockBytes } from "../formats/coded.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";

type Table = ReadonlyMap<string, PlacedTensor>;
interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}
/** A tensor of a written model. `experts`: the matrices that it holds, transposed, one after another. */
export type WrittenTensor = NamedShape & { readonly experts?: readonly NamedShape[] };

const stored = /^(.*\.mlp\.experts)\.(gate_up_proj|down_proj)(_blocks|_scales)?$/;
const own = /^(.*\.mlp\.experts)\.(\d+)\.(gate_up_proj|down_proj)\.weight$/;

/** The table with a matrix for each expert. Throws a failure that names a tensor of another shape. */
export function withExperts(table: Table, config: ModelConfig, isMxfp4: boolean): Table {
  if (!familyRules[config.family].fusesExperts) return table;
  const made = new Map<string, PlacedTensor>();
  for (const tensor of table.values()) {
    const [, at, part, kind] = stored.exec(tensor.name) ?? [];
    if (at === undefined || part === undefined) made.set(tensor.name, tensor);
    else if (kind === "_scales") {
      if (!table.has(`${at}.${part}_blocks`)) throw mismatch(`${at}.${part}_blocks is missing beside ${tensor.name}`);
    } else {
      const layer = { at, part, ...sizesOf(part, config) };
      const members =
        kind === undefined ? transposedExperts(tensor, layer) : mxfp4Experts(tensor, table, layer, isMxfp4);
      for (const member of members) made.set(member.name, member);
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

/** The tensors of a written model: the experts of each layer in one. */
export function writtenTensors(tensors: readonly NamedShape[], config: Pick<ModelConfig, "family">): WrittenTensor[] {
  if (!familyRules[config.family].fusesExperts) return [...tensors];
  const groups = Map.groupBy(tensors, ({ name }) => name.replace(own, "$1.$3"));
  return [...groups].map(([name, members]) => {
    const [first] = members;
    if (first!.name === name) return first!;
    const [out = 0, width = 0] = first!.shape;
    const experts = [...members].sort((a, b) => expertOf(a) - expertOf(b));
    return { name, shape: [experts.length, width, out], experts };
  });
}

const expertOf = ({ name }: NamedShape): number => Number(own.exec(name)?.[2]);
