/** The parts that every graph of a run is built from, and the model on a graph. */
import type { ModelConfig } from "../contract/model.ts";
import type { PreferenceObjective } from "../contract/objective.ts";
import type { Graph } from "../graph/graph.ts";
import type { SiteRecord, SiteRewriter } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Variables } from "../graph/variables.ts";
import type { BoundMethod } from "../methods/method.ts";
import { ModelBuilder } from "../models/builder.ts";
import type { Decoder } from "../models/decoder.ts";
import { gemma2, gemma3 } from "../models/gemma.ts";
import { granite } from "../models/granite.ts";
import { llama, ministral3, qwen2, qwen3 } from "../models/llama.ts";
import { gptOss, mixtral, qwen3Moe } from "../models/mixture.ts";
import type { Mode } from "../models/mode.ts";
import { olmo2 } from "../models/olmo2.ts";
import { phi3 } from "../models/phi3.ts";

export interface ProgramParts {
  readonly config: ModelConfig;
  readonly method: BoundMethod;
  readonly variables: Variables;
  readonly labelSmoothing: number;
  readonly noiseAlpha: number;
  /** The coefficient of the loss that balances the routers; 0: none. */
  readonly routerAuxLoss: number;
  /** Absent: supervised. */
  readonly objective?: PreferenceObjective | undefined;
}

/** A model's layers that a method may adapt. */
export interface Sites {
  readonly sites: readonly SiteRecord[];
  /** The matrices of experts, which no method adapts as linear layers. */
  readonly experts: readonly SiteRecord[];
  /** The parameters of transformers that hold the matrices of all experts of a layer. */
  readonly expertParameters: readonly SiteRecord[];
  readonly embeddings: readonly SiteRecord[];
  /** The routers of mixtures, by name. */
  readonly routers: readonly string[];
}

type Built = { decoder: Decoder; inputs: ModelBuilder["inputs"]; routerLoad: Tensor | undefined } & Sites;

/** Builds a model on a graph, twice if the method reads a pass before its own. `method`: default the run's own. */
export function decoder(parts: ProgramParts, graph: Graph, mode: Mode, method: SiteRewriter = parts.method): Built {
  if (!method.context) return pass(parts, graph, mode, method);
  const { decoder: first } = pass(parts, graph, mode, method);
  return pass(parts, graph, mode, method, first.norm(first.hidden));
}

/** One pass of the model; the only place that distinguishes the families. `states`: those of the pass before. */
function pass(
  { config, variables, noiseAlpha, routerAuxLoss }: ProgramParts,
  graph: Graph,
  mode: Mode,
  method: SiteRewriter,
  states?: Tensor,
): Built {
  const balances = routerAuxLoss > 0;
  const builder = new ModelBuilder({ config, variables, noiseAlpha, balances, method, graph, mode, states });
  const families: Record<ModelConfig["family"], (b: ModelBuilder) => Decoder> = {
    llama,
    mistral: llama,
    ministral: llama,
    ministral3,
    smollm3: llama,
    qwen2,
    qwen3,
    gemma2,
    gemma3_text: gemma3,
    phi3,
    olmo2,
    granite,
    mixtral,
    qwen3_moe: qwen3Moe,
    gpt_oss: gptOss,
  };
  const made = families[config.family](builder);
  const { inputs, sites, embeddings } = builder;
  const { matrices: experts, parameters: expertParameters, routers, load: routerLoad } = builder.mixtures;
  return { decoder: made, inputs, sites, experts, expertParameters, embeddings, routers, routerLoad };
}
