/** The adapters that a method gets beside its base, as tensors of the base: their low-rank updates by layer. */
import { invalid, StageFailure } from "../contract/failure.ts";
import { type GivenAdapters, givenAdaptersMember, givenNames, partsOfLayer } from "../contract/givenAdapters.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { BaseTensors } from "../engine/baseValues.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import type { TensorData } from "../formats/safetensorsWriter.ts";
import type { SiteRecord } from "../graph/site.ts";
import { methodOf } from "../methods/index.ts";
import type { LowRankUpdate } from "../methods/method.ts";
import { declaredWith, requireFit } from "./adapterFit.ts";
import type { PeftAdapter } from "./adapterSource.ts";
import type { StoredModel } from "./storedModel.ts";
import { tensorsOf } from "./verifiedBase.ts";

export interface GivenTensors {
  readonly facts: GivenAdapters;
  readonly tensors: readonly TensorData[];
}

/** The layers of a block in the order of transformers' modules, by which PEFT counts them. */
const moduleOrder = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "qkv_proj",
  "gate_proj",
  "up_proj",
  "gate_up_proj",
  "down_proj",
];

/** Throws a failure that names the adapter by `nameOf` and the fault. */
export function givenTensors(
  adapters: readonly PeftAdapter[],
  config: ModelConfig,
  nameOf: (index: number) => string,
): GivenTensors {
  const read = adapters.map((adapter, index) => {
    try {
      return updatesOf(adapter, config);
    } catch (error) {
      throw ofAdapter(nameOf(index), error);
    }
  });
  const layers = new Map(read.flatMap(({ sites }) => sites.map((site) => [site.name, site] as const)));
  const facts = factsOf(
    [...layers.keys()],
    config,
    read.map(({ rank }) => rank),
  );
  const tensors = [...layers.values()].flatMap((site) => stacked(site, read, facts));
  return { facts, tensors };
}

/** A failure that names the adapter. */
export const ofAdapter = (name: string, error: unknown): unknown =>
  error instanceof StageFailure ? new StageFailure(error.code, error.reason, `${name}: ${error.message}`) : error;

const wrong = (what: string) => invalid("AdapterUnsupported", what);

interface Updates {
  /** The adapted layers. */
  readonly sites: readonly SiteRecord[];
  readonly updates: ReadonlyMap<string, LowRankUpdate>;
  /** The highest rank of a layer. */
  readonly rank: number;
}

function updatesOf({ settings, tensors, plainRefusal }: PeftAdapter, config: ModelConfig): Updates {
  const method = methodOf(settings);
  if (settings.kind !== "lora")
    throw wrong(
      `is an adapter of the method ${settings.kind}, and only LoRA adapters are mixed: train it with method.lora`,
    );
  if (plainRefusal !== undefined) throw wrong(plainRefusal);
  const { parameters, sites } = declaredWith(settings, config);
  requireFit(parameters, tensors);
  const updates = new Map<string, LowRankUpdate>();
  const used = new Set<string>();
  for (const { name: layer } of sites) {
    const has = (part: string) => tensors.has(`${layer}.${part}`);
    const shared = (full: string) => {
      used.add(full);
      return tensors.get(full)!;
    };
    const parameter = (part: string) => shared(`${layer}.${part}`);
    const update = method.lowRank?.({ name: layer, has, parameter, shared });
    if (update) updates.set(layer, update);
  }
  const other = [...tensors.keys()].find((one) => !used.has(one));
  if (other !== undefined)
    throw wrong(`trains ${other} too, which is not mixed: only LoRA adapters of linear layers are`);
  return {
    sites: sites.filter((site) => updates.has(site.name)),
    updates,
    rank: Math.max(...[...updates.values()].map((one) => one.rank)),
  };
}

function factsOf(names: readonly string[], { layers: blocks }: ModelConfig, ranks: number[]): GivenAdapters {
  const parts = names.map((name) => partsOfLayer(name)).filter((one) => one !== undefined);
  const modules = [...new Set(parts.map(({ module }) => module))];
  const rankOf = (module: string) => moduleOrder.indexOf(module.slice(module.lastIndexOf(".") + 1));
  // Attention comes before the feed-forward, as in every family.
  modules.sort((x, y) => rankOf(x) - rankOf(y));
  const layers = [...new Set(parts.map(({ layer }) => layer))].sort((x, y) => x - y);
  if (parts.length !== modules.length * layers.length)
    throw invalid(
      "AdapterUnsupported",
      "the adapters together adapt different layers in different blocks, which is not supported: train them on the same targetModules of all blocks",
    );
  return { ranks, modules, ...(layers.length < blocks && { layers }) };
}

/** The tensors of a layer: A's rows and B's columns of one adapter behind those of the one before, zeros where it has fewer. */
function stacked(
  { name, in: width, out }: SiteRecord,
  adapters: readonly Updates[],
  { ranks }: GivenAdapters,
): TensorData[] {
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const a = new Float32Array(total * width);
  const b = new Float32Array(out * total);
  let first = 0;
  for (const [index, { updates }] of adapters.entries()) {
    const update = updates.get(name);
    if (update) {
      a.set(update.a, first * width);
      for (let row = 0; row < out; row++)
        for (let k = 0; k < update.rank; k++)
          b[row * total + first + k] = update.scale * update.b[row * update.rank + k]!;
    }
    first += ranks[index]!;
  }
  const names = givenNames(name);
  return [tensorOf(names.a, [total, width], a), tensorOf(names.b, [out, total], b)];
}

const tensorOf = (name: string, shape: readonly number[], values: Float32Array): TensorData => ({
  name,
  shape,
  dtype: "F32",
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** config.json of a base with adapters. */
export const configWithGiven = (config: object, facts: GivenAdapters): string =>
  `${JSON.stringify({ ...config, [givenAdaptersMember]: facts }, null, 2)}\n`;

export interface ModelWithGiven {
  readonly config: ModelConfig;
  readonly tensors: BaseTensors;
}

/** A model with the adapters that an adapter brings, if any. */
export async function withGiven(
  model: StoredModel,
  adapter: Pick<PeftAdapter, "given"> | undefined,
): Promise<ModelWithGiven> {
  const [config, table] = [await model.config(), await model.tensors()];
  if (!adapter?.given) return { config, tensors: tensorsOf(model, table) };
  const { facts, tensors } = givenTensors(adapter.given, config, (index) => `adapter ${index}`);
  // Tensors in memory: they have no bytes in the file.
  const placed = tensors.map(({ name, shape, dtype, data }): [string, PlacedTensor] => {
    return [name, { name, shape: [...shape], dtype, file: "config.json", start: 0, end: 0, suffix: data }];
  });
  return { config: { ...config, givenAdapters: facts }, tensors: tensorsOf(model, new Map([...table, ...placed])) };
}
