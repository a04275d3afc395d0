/**
 * Adapters that a training gets beside its base, frozen: prepare puts their low-rank updates into the base as tensors of each
 * layer, one adapter behind the other. config.json then says which layers and ranks they have. Pure.
 */
import { z } from "zod";

export const mostGivenAdapters = 8;

/** The member of config.json. */
export const givenAdaptersMember = "luthier_adapters";

export const givenAdapters = z.object({
  /** The rank of each adapter, in all of its layers. */
  ranks: z.array(z.int().min(1).max(4096)).min(1).max(mostGivenAdapters),
  /** The adapted layers of a block by their names in it, in the order of transformers' modules. */
  modules: z
    .array(
      z
        .string()
        .max(64)
        .regex(/^[A-Za-z0-9_.]+$/),
    )
    .min(1)
    .max(16),
  /** The adapted blocks; absent: all. */
  layers: z.array(z.int().min(0).max(511)).min(1).max(512).optional(),
});
export type GivenAdapters = z.infer<typeof givenAdapters>;

/** The block and the name in it of a layer; undefined outside of blocks. */
export function partsOfLayer(name: string): { layer: number; module: string } | undefined {
  const [, layer, module] = /\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  return layer === undefined || module === undefined ? undefined : { layer: Number(layer), module };
}

/** The number of adapted layers in a model with so many blocks. */
export const placesOf = ({ modules, layers }: GivenAdapters, blocks: number): number =>
  modules.length * (layers?.length ?? blocks);

/** The number of a layer among the adapted ones; undefined if it is not adapted. */
export function placeOf({ modules, layers }: GivenAdapters, name: string): number | undefined {
  const parts = partsOfLayer(name);
  if (!parts) return undefined;
  const row = layers === undefined ? parts.layer : layers.indexOf(parts.layer);
  const column = modules.indexOf(parts.module);
  return row < 0 || column < 0 ? undefined : row * modules.length + column;
}

/** The sum of the adapters' ranks. */
export const widthOfGiven = ({ ranks }: GivenAdapters): number => ranks.reduce((sum, rank) => sum + rank, 0);

/** The two tensors of an adapted layer: a [ranks, in] · b [out, ranks]. */
export const givenNames = (layer: string) => ({ a: `${layer}.given_A.weight`, b: `${layer}.given_B.weight` });

export const isGivenTensor = (name: string): boolean => /\.given_[AB]\.weight$/.test(name);
