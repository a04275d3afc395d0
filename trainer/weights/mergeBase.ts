/**
 * A base as merging uses it: every tensor with its own shape and F32 values, whether it is stored in NF4 or not.
 * Tensors are read one at a time, on demand.
 */
import { linearLayers } from "../compile/compile.ts";
import type { ModelConfig } from "../contract/model.ts";
import { baseValues } from "../engine/baseValues.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import type { TensorFacts } from "../formats/safetensorsWriter.ts";
import { absmaxName, nestedAbsmaxName } from "../graph/nf4.ts";
import { type WrittenTensor, writtenTensors } from "./fusedExperts.ts";
import type { StoredModel } from "./storedModel.ts";
import { tensorsOf } from "./verifiedBase.ts";

type NamedShape = Pick<TensorFacts, "name" | "shape">;

export class MergeBase {
  readonly model: StoredModel;
  readonly tensors: readonly NamedShape[];
  /** The tensors of a model that is written. */
  readonly written: readonly WrittenTensor[];
  readonly #table: ReadonlyMap<string, PlacedTensor>;

  private constructor(
    model: StoredModel,
    table: ReadonlyMap<string, PlacedTensor>,
    shapes: ReadonlyMap<string, readonly number[]>,
    config: Pick<ModelConfig, "family">,
  ) {
    this.model = model;
    this.#table = table;
    const scales = new Set([...table.keys()].flatMap((name) => [absmaxName(name), nestedAbsmaxName(name)]));
    this.tensors = [...table.values()]
      .filter(({ name }) => !scales.has(name))
      .map(({ name, shape }) => ({ name, shape: this.#isQuantized(name) ? shapes.get(name)! : shape }));
    this.written = writtenTensors(this.tensors, config);
  }

  static async of(model: StoredModel): Promise<MergeBase> {
    const config = await model.config();
    const sites = linearLayers(config);
    const shapes = sites.map((site) => [`${site.name}.weight`, [site.out, site.in]] as const);
    return new MergeBase(model, await model.tensors(), new Map(shapes), config);
  }

  /** Whether some of the values are dequantised. */
  get isQuantized(): boolean {
    return this.tensors.some(({ name }) => this.#isQuantized(name));
  }

  /** A tensor's values in memory of their own. */
  async values({ name, shape }: NamedShape): Promise<Float32Array> {
    return await baseValues(tensorsOf(this.model, this.#table), { name, shape });
  }

  #isQuantized(name: string): boolean {
    return this.#table.has(absmaxName(name));
  }
}
