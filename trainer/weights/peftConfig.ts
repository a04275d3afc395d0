/** adapter_config.json, written and read: the method that it names knows its members, this file knows JSON and failures. */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import { methodOf, registeredMethods } from "../methods/index.ts";
import { commonConfig } from "../methods/peft.ts";
import { mergeInPeft, type PeftConfig } from "../methods/peftMembers.ts";
import type { BaseName } from "./baseName.ts";

export const adapterConfigFile = "adapter_config.json";
export const adapterWeightsFile = "adapter_model.safetensors";

/** The text of adapter_config.json. `modules`: last parts of the names of the layers that are trained. */
export function adapterConfig(method: MethodSettings, modules: readonly string[], base: BaseName): string {
  const { peft } = methodOf(method);
  if (!peft) throw new Error(`method ${method.kind} leaves a model, which has no ${adapterConfigFile}`);
  const { peft_type, ...members } = peft.config({ modules });
  return `${JSON.stringify({ peft_type, ...commonConfig(base), ...members }, null, 2)}\n`;
}

/** Reads adapter_config.json. Throws a failure that names the member that is not supported. */
export function readAdapterConfig(text: string): MethodSettings {
  const config = parse(text);
  for (const method of registeredMethods()) {
    const settings = method.readPeft(config);
    if (settings) return settings;
  }
  const { peft_type: type } = config;
  throw unsupported(
    type === undefined ? "peft_type is missing" : `peft_type is not supported: ${JSON.stringify(type)}; ${mergeInPeft}`,
  );
}

function parse(text: string): PeftConfig {
  const parsed = z.looseObject({}).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw unsupported("not a JSON object");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unsupported("not JSON");
  }
}

const unsupported = (why: string) => invalid("AdapterUnsupported", `${adapterConfigFile}: ${why}`);
