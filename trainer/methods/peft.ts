/**
 * A method's adapter in PEFT's layout: the members of adapter_config.json, and the names and shapes of its tensors. Pure
 * data; `trainer/weights` reads and writes the files.
 */
import type { ModelConfig } from "../contract/model.ts";
import type { PeftConfig, PeftMembers } from "./peftMembers.ts";

/** A trained tensor in F32. */
export interface NamedValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** The type in which it is saved: whole numbers or, by default, F32. */
  readonly dtype?: "I32";
  /** Its initial values, if their product is subtracted from the base. */
  readonly first?: Float32Array;
}

/** Input of a configuration, besides the settings. */
export interface ConfigFacts {
  /** Last parts of the names of the trained layers: the meaning of `all-linear` in this model. */
  readonly modules: readonly string[];
  readonly model: ModelConfig;
  /** The trained tensors, by our names. */
  readonly parameters: readonly NamedValues[];
  /** Optimiser steps of the run. */
  readonly steps: number;
  /** Whole names of the trained layers, and of the modules that hold the trained tensors. */
  readonly layers?: readonly string[];
}

/** A tensor of adapter_model.safetensors whose values are not yet read. */
export interface StoredShape {
  readonly key: string;
  readonly shape: readonly number[];
}

/** The libraries whose layouts are written and read. */
export type AdapterLibrary = "PEFT" | "AdapterHub";

export interface PeftFormat<Settings> {
  /** The library that defines the layout. Default: PEFT. */
  readonly library?: AdapterLibrary;
  /** The method's own members of adapter_config.json, including PEFT's `peft_type`. */
  config(settings: Settings, facts: ConfigFacts): Readonly<Record<string, unknown>>;
  /** True if a configuration is of this method; PEFT distinguishes some by a flag. */
  matches(config: PeftConfig): boolean;
  /** The settings of such a configuration; throws a failure that names an unreadable member. */
  read(members: PeftMembers): Settings;
  /** Why a tensor from any source cannot belong to this method; undefined if it can. */
  fault(tensor: StoredShape, settings: Settings, has: (key: string) => boolean, config: PeftConfig): string | undefined;
  /** Whether a tensor is saved as whole numbers; absent: none is. */
  isWhole?(key: string): boolean;
  /** The base's tensor that a file's tensor repeats, with the base's values; undefined if it is the adapter's own. */
  repeats?(key: string, has: (key: string) => boolean): string | undefined;
  /** Parameters → the tensors that are saved; absent: the same, under PEFT's prefix. */
  toPeft?(parameters: readonly NamedValues[], settings: Settings): NamedValues[];
  /** The saved tensors → parameters; absent: the same, without PEFT's prefix. */
  fromPeft?(tensors: readonly NamedValues[], settings: Settings, config: PeftConfig): NamedValues[];
}

export const peftPrefix = "base_model.model.";

interface Base {
  readonly name: string;
  readonly revision: string | null;
}

/** The file of a library's tensors, and the members of its every configuration. */
export const libraries = {
  PEFT: {
    weightsFile: "adapter_model.safetensors",
    common: (base: Base) => ({
      task_type: "CAUSAL_LM",
      auto_mapping: null,
      base_model_name_or_path: base.name,
      revision: base.revision,
      inference_mode: true,
    }),
  },
  AdapterHub: {
    weightsFile: "adapter.safetensors",
    common: (base: Base) => ({ model_name: base.name }),
  },
} as const satisfies Record<AdapterLibrary, { weightsFile: string; common: (base: Base) => object }>;
