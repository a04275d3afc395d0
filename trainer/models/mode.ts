/** The program that a builder makes of a model, with its sizes. */
import type { KeyValuePrefix } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";

export type Mode =
  | { kind: "train" | "evaluate"; tokens: number }
  | { kind: "generate"; tokens: number; slots: number; capacity: number }
  /** The embeddings of a prompt instead of tokens; `cached` receives the keys and values of each layer. */
  | { kind: "prompt"; tokens: number; embeddings: Tensor; cached: KeyValuePrefix[] };
