/**
 * A base as merging sees it: every tensor by its own shape and as F32 values, whether it is stored as it is or in NF4.
 * Tensor by tensor; each is read when it is asked for.
 */
import { linearLayers } from "../compile/compile.ts";
import { corrupt } from "../contract/failure.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { dequantizeNf4 } from "../formats/nf4.ts";
import type { TensorFacts } from "../formats/safetensorsWriter.ts";
import { absmaxName, nestedAbsmaxName } from "../graph/nf4.ts";
import { asFloats } from "./merge.ts";
import type { StoredModel } from "./storedModel.ts";

type NamedShape = Pick<TensorFacts, "name" | "shape">;

export class MergeBase {
  readonly model: StoredModel;
  readonly tensors: readonly NamedShape[];
  readonly #table: ReadonlyMap<string, PlacedTensor>;

  private constructor(
    model: StoredModel,
    table: ReadonlyMap<string, PlacedTensor>,
    shapes: ReadonlyMap<string, readonly number[]>,
  ) {
    this.model = model;
    this.#table = table;
    const scales = new Set([...table.keys()].flatMap((name) => [absmaxName(name), nestedAbsmaxName(name)]));
    this.tensors = [...table.values()]
      .filter(({ name }) => !scales.has(name))
      .map(({ name, shape }) => ({ name, shape: this.#isQuantized(name) ? shapes.get(name)! : shape }));
  }

  static async of(model: StoredModel): Promise<MergeBase> {
    const sites = linearLayers(await model.config());
    const shapes = sites.map((site) => [`${site.name}.weight`, [site.out, site.in]] as const);
    return new MergeBase(model, await model.tensors(), new Map(shapes));
  }

  /** A tensor's values; a copy. */
  async values({ name, shape }: NamedShape): Promise<Float32Array> {
    const bytes = await this.#bytes(name);
    if (!this.#isQuantized(name)) return asFloats(bytes, this.#tensor(name).dtype);
    const nested = nestedAbsmaxName(name);
    const parts = {
      packed: bytes,
      absmax: await this.#bytes(absmaxName(name)),
      ...(this.#table.has(nested) && { nestedAbsmax: await this.#bytes(nested) }),
    };
    return dequantizeNf4(
      parts,
      shape.reduce((product, dim) => product * dim, 1),
    );
  }

  #isQuantized(name: string): boolean {
    return this.#table.has(absmaxName(name));
  }

  async #bytes(name: string): Promise<Uint8Array> {
    const tensor = this.#tensor(name);
    return await this.model.read(tensor.file, tensor);
  }

  #tensor(name: string): PlacedTensor {
    const tensor = this.#table.get(name);
    if (!tensor) throw corrupt("BaseModelCorrupt", `the base model has no tensor ${name}`);
    return tensor;
  }
}
