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

/** Reads a parameter's values. It keeps the last file decoded, and reads on in the order of the shards where that file lacks the parameter. */
export function storedFactors(base: Files): (name: string) => Promise<Float32Array> {
  const files = base.names().filter(isFactorsFile);
  let known: ReadonlyMap<string, DecodedTensor> = new Map();
  let next = 0;
  return async (name) => {
    for (let unread = files.length; !known.has(name); unread--) {
      if (unread === 0)
        throw corrupt(
          "BaseModelCorrupt",
          `the quantised base has no factors ${name}: it was quantised for other settings`,
        );
      known = decodeTensors(await base.read(files[next]!));
      next = (next + 1) % files.length;
    }
    return new Float32Array(known.get(name)!.data.slice().buffer);
  };
}
