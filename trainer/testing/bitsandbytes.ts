/** Stores a tiny model's layers in NF4 in the layout of bitsandbytes, as programs that quantise save them. */
import { dynamicMap, nf4Codes } from "../formats/nf4.ts";
import { addon } from "../native/addon.ts";
import type { Config, ModelChange, Tensors } from "./changedModel.ts";

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** `skipped`: names in llm_int8_skip_modules, whose layers stay as they are. */
export const inBitsandbytes =
  (isDouble: boolean, skipped?: readonly string[]): ModelChange =>
  (tensors, config) => {
    for (const name of [...tensors.keys()].filter((one) => one.endsWith("_proj.weight"))) {
      if (!skipped?.some((pattern) => name.includes(pattern))) quantize(tensors, name, isDouble);
    }
    config.quantization_config = quantizationConfig(isDouble, skipped);
  };

export const quantizationConfig = (isDouble: boolean, skipped?: readonly string[]): Config => ({
  quant_method: "bitsandbytes",
  load_in_4bit: true,
  load_in_8bit: false,
  bnb_4bit_quant_type: "nf4",
  bnb_4bit_use_double_quant: isDouble,
  llm_int8_skip_modules: skipped ?? null,
});

function quantize(tensors: Tensors, name: string, isDouble: boolean): void {
  const { dtype, shape, data } = tensors.get(name)!;
  if (dtype !== "BF16" && dtype !== "F32") throw new Error(`${name} is ${dtype}`);
  const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(data, dtype, isDouble);
  tensors.set(name, { dtype: "U8", shape: [packed.length, 1], data: packed });
  tensors.set(`${name}.quant_map`, { dtype: "F32", shape: [16], data: bytesOf(nf4Codes) });
  const state = { quant_type: "nf4", blocksize: 64, dtype: "bfloat16", shape };
  if (!nestedAbsmax) {
    tensors.set(`${name}.absmax`, { dtype: "F32", shape: [absmax.length / 4], data: absmax });
    putState(tensors, name, state);
    return;
  }
  const scales = new Float32Array(nestedAbsmax.slice().buffer);
  const [rest, offset] = [scales.subarray(0, -1), scales.at(-1)!];
  tensors.set(`${name}.absmax`, { dtype: "U8", shape: [absmax.length], data: absmax });
  tensors.set(`${name}.nested_absmax`, { dtype: "F32", shape: [rest.length], data: bytesOf(rest) });
  tensors.set(`${name}.nested_quant_map`, { dtype: "F32", shape: [256], data: bytesOf(dynamicMap) });
  putState(tensors, name, { ...state, nested_blocksize: 256, nested_dtype: "float32", nested_offset: offset });
}

/** Sets the state of a layer's weight. */
export function putState(tensors: Tensors, name: string, state: Config): void {
  const data = Buffer.from(JSON.stringify(state));
  tensors.set(`${name}.quant_state.bitsandbytes__nf4`, { dtype: "U8", shape: [data.length], data });
}
