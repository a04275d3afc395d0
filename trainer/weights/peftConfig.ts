/** adapter_config.json, written and read: the method that it names knows its members, this file knows JSON and failures. */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import { methodOf, registeredMethods } from "../methods/index.ts";
import { commonConfig } from "../methods/peft.ts";

export const adapterConfigFile = "adapter_config.json";
export const adapterWeightsFile = "adapter_model.safetensors";

/** The text of adapter_config.json. `modules`: last parts of the names of the layers that are trained. */
export function adapterConfig(method: MethodSettings, modules: readonly string[], baseUri: string): string {
  const { peft } = methodOf(method);
  if (!peft) throw new Error(`method ${method.kind} leaves a model, which has no ${adapterConfigFile}`);
  const { peft_type, ...members } = peft.config({ modules });
  return `${JSON.stringify({ peft_type, ...commonConfig(baseUri), ...members }, null, 2)}\n`;
}

/** Reads adapter_config.json. Throws a failure that names what is not supported. */
export function readAdapterConfig(text: string): MethodSettings {
  const config = z.looseObject({}).safeParse(parse(text));
  if (!config.success) throw unsupported(z.prettifyError(config.error));
  for (const method of registeredMethods()) {
    const read = method.readPeft(config.data);
    if (read?.success) return read.data;
    if (read) throw unsupported(z.prettifyError(read.error));
  }
  throw unsupported(`peft_type ${JSON.stringify(config.data.peft_type)} is not supported`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unsupported("not JSON");
  }
}

const unsupported = (why: string) => invalid("AdapterUnsupported", `${adapterConfigFile}: ${why}`);
