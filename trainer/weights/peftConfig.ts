/** Writes and reads adapter_config.json: the method handles its members, this file handles JSON and failures. */
import { z } from "zod";
import { invalid } from "../contract/failure.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import { methodOf, registeredMethods } from "../methods/index.ts";
import { type AdapterLibrary, type ConfigFacts, libraries, peftPrefix } from "../methods/peft.ts";
import { mergeInPeft, type PeftConfig } from "../methods/peftMembers.ts";
import type { BaseName } from "./baseName.ts";
import { configInWrapper, configOfOwn } from "./languageModel.ts";

export const adapterConfigFile = "adapter_config.json";
export const adapterWeightsFile = libraries.PEFT.weightsFile;

/** The file of an adapter's tensors: that of the library whose layout the method has. */
export const weightsFileOf = (method: MethodSettings): string => libraries[libraryOf(method)].weightsFile;

const libraryOf = (method: MethodSettings): AdapterLibrary => methodOf(method).peft?.library ?? "PEFT";

/** The text of adapter_config.json. */
export function adapterConfig(method: MethodSettings, facts: ConfigFacts, base: BaseName): string {
  const { peft } = methodOf(method);
  if (!peft) throw new Error(`method ${method.kind} leaves a model, which has no ${adapterConfigFile}`);
  const config = peft.config(facts);
  const { peft_type, ...members } = facts.model.wrapped ? configInWrapper(config, facts.layers ?? []) : config;
  return `${JSON.stringify({ peft_type, ...libraries[peft.library].common(base), ...members }, null, 2)}\n`;
}

/** Whether the adapted layers are given as a regular expression, as Unsloth does. */
export const hasPattern = ({ target_modules: targets }: PeftConfig): boolean =>
  typeof targets === "string" && targets !== "all-linear";

/** A configuration that lists the layers that have tensors, in place of a regular expression. */
export function withListedTargets(config: PeftConfig, keys: readonly string[]): PeftConfig {
  if (!hasPattern(config)) return config;
  const layers = keys.flatMap((key) => adaptedLayer.exec(key)?.[1] ?? []);
  return { ...config, target_modules: [...new Set(layers)].sort(), exclude_modules: null };
}

const adaptedLayer = new RegExp(
  `^${RegExp.escape(peftPrefix)}(.+)\\.(?:lora_[AB]\\.weight|lora_embedding_[AB]|lora_E|lora_magnitude_vector|hada_w\\w+|lokr_w\\w+|ia3_l)$`,
);

/** The method in adapter_config.json. Throws a failure that names the unsupported member. */
export function settingsOfConfig(given: PeftConfig): MethodSettings {
  const config = configOfOwn(given);
  for (const method of registeredMethods()) {
    const settings = method.readPeft(config);
    if (settings) return settings;
  }
  const { peft_type: type } = config;
  throw unsupported(
    type === undefined ? "peft_type is missing" : `peft_type is not supported: ${JSON.stringify(type)}; ${mergeInPeft}`,
  );
}

/** The members of adapter_config.json. Throws a failure when it is not a JSON object. */
export function parseAdapterConfig(text: string): PeftConfig {
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
