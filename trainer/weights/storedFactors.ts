/**
 * Initial values of parameters that prepare stored beside the shards of a quantised base (`QuantizedStart`), as safetensors in
 * files of their own: they are no weights of the model.
 */
import { corrupt } from "../contract/failure.ts";
import { type DecodedTensor, decodeTensors } from "../formats/safetensors.ts";

const ending = ".factors";

export const isFactorsFile = (name: string): boolean => name.endsWith(ending);

/** The name of the file beside a shard. */
export const factorsFileOf = (shard: string): string => shard.replace(/\.safetensors$/, ending);

interface Files {
  names(): string[];
  read(name: string): Promise<Uint8Array>;
}

/** Reads a parameter's values; a file is decoded when its first one is read, in the order of the shards. */
export function storedFactors(base: Files): (name: string) => Promise<Float32Array> {
  const files = base.names().filter(isFactorsFile);
  let known: ReadonlyMap<string, DecodedTensor> = new Map();
  return async (name) => {
    for (const file of [undefined, ...files]) {
      if (file !== undefined) known = decodeTensors(await base.read(file));
      const data = known.get(name)?.data;
      if (data) return new Float32Array(data.slice().buffer);
    }
    throw corrupt("BaseModelCorrupt", `the quantised base has no factors ${name}: it was quantised for other settings`);
  };
}
