/** Random settings of each method that fit most random models; a combination that a method refuses is drawn again. */
import { declarationOf, effectiveMethod, type WrittenMethod } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { CompileSpec } from "../graph/compiled.ts";

/** A whole number from `least` to `most`. */
export type Pick = (least: number, most: number) => number;

/** One of the values, each as likely as the others. */
export const oneOf = <T>(pick: Pick, ...values: readonly T[]): T => values[pick(0, values.length - 1)]!;

export function randomSettings(
  kind: string,
  model: ModelConfig,
  storage: CompileSpec["storage"],
  pick: Pick,
): CompileSpec["method"] {
  const any = <T>(...values: readonly T[]): T => oneOf(pick, ...values);
  const dropout = any("0", "0.3");
  const targetModules = any(["all-linear"], ["o_proj"], ["o_proj", "down_proj"]);
  const layers = any([], [pick(0, model.layers - 1)]);
  const virtualTokens = pick(1, 6);
  const places = { targetModules, layers, excludeModules: any([], [], ["layers.0.self_attn.o_proj"]) };
  const patterns = {
    rankPattern: any({}, { o_proj: pick(1, 4) }),
    alphaPattern: any({}, { o_proj: pick(1, 9) }),
  };
  const written: WrittenMethod = {
    lora: randomLora(model, storage, pick),
    dora: {
      ...{ rank: pick(1, 5), ...places, ...patterns, rankStabilized: any(true, false) },
      initialization: any("Kaiming", "Gaussian"),
    },
    adalora: { initialRank: pick(2, 4), targetRank: pick(1, 2), everySteps: pick(1, 2), dropout, targetModules },
    loha: { rank: pick(1, 4), ...places, ...patterns },
    lokr: { rank: pick(1, 4), decomposeBoth: any(true, false), ...places, ...patterns },
    krona: { scale: any("0.5", "2"), ...places },
    xlora: {
      adapters: (model.givenAdapters?.ranks ?? []).map((_, index) => ({ uri: String(index) })),
      ...any({ classifierDepth: 1 }, { classifierDepth: 3, classifierWidth: pick(1, 7), classifierDropout: dropout }),
      ...any({ topK: 1 }, { topK: 2, normalization: "Chosen" as const }, { temperature: "0.5", firstPassScale: "0.5" }),
      ...{ layerwise: any(true, false), scale: any("1", "1.5") },
    },
    ia3: randomIa3(pick),
    bottleneck: {
      ...{
        design: any("Houlsby", "Pfeiffer", "Parallel"),
        branches: any(["Attention"], ["FeedForward", "Attention"]),
      },
      ...{ reductionFactor: any("2", "4.5", "100"), nonlinearity: any("ReLU", "SiLU", "GELU"), dropout },
      ...{ scale: any("1", "1.5"), excludeLayers: layers },
    },
    bitfit: { targetModules: any(["all-linear"], ["q_proj", "v_proj"], ["o_proj"]), layers },
    fishMask: { density: any("0.02", "0.3", "1"), samples: any(1, 2, 1000), ...places },
    diffPruning: {
      ...{ density: any("0.02", "0.4"), penalty: any("0", "1e-3"), structured: any(true, false) },
      ...{ fixedShare: any("0.3", "0.7"), learningRateRatio: "20", ...places },
    },
    intrinsicDimension: { dimension: any(1, 30, 500), projectionSeed: pick(0, 9), ...places },
    prefixTuning: { virtualTokens },
    promptTuning: { virtualTokens },
    pTuning: { virtualTokens, encoderHiddenSize: pick(1, 7), encoder: any("MLP", "LSTM") },
    full: {},
  };
  const settings: object | undefined = Reflect.get(written, kind);
  if (settings === undefined) throw new Error(`${declarationOf(kind).kind} has no random settings`);
  return effectiveMethod({ [kind]: settings });
}

type Written<Kind extends keyof WrittenMethod> = NonNullable<WrittenMethod[Kind]>;

/** Half of them plain: the layers, ranks and scales alone; the others with one or more of the options. */
function randomLora(model: ModelConfig, storage: CompileSpec["storage"], pick: Pick): Written<"lora"> {
  const any = <T>(...values: readonly T[]): T => oneOf(pick, ...values);
  const parameters = model.experts ? any([], ["experts.gate_up_proj", "experts.down_proj"], ["experts.down_proj"]) : [];
  const layers = any([], [pick(0, model.layers - 1)]);
  const targets = any(["all-linear"], ["o_proj"], ["o_proj", "down_proj"]);
  const canAdaptEmbedding = layers.length === 0 && !model.tieWordEmbeddings;
  const plain: Written<"lora"> = {
    ...{ rank: pick(1, 5), alpha: pick(1, 9), layers, rankStabilized: any(true, false) },
    dropout: parameters.length > 0 ? "0" : any("0", "0.3"),
    targetModules: canAdaptEmbedding ? any(targets, [...targets, "embed_tokens"]) : targets,
    targetParameters: parameters,
  };
  if (pick(0, 1) === 0) return plain;
  return {
    ...plain,
    targetModules: targets,
    learningRateRatio: any("1", "8"),
    excludeModules: any([], [], ["layers.0.self_attn.o_proj"]),
    rankPattern: any({}, { o_proj: pick(1, 4) }),
    alphaPattern: any({}, { o_proj: pick(1, 9) }),
    ...randomStart(storage, pick),
    bias: any("None", "None", "All", "LoraOnly"),
    ...any<Written<"lora">>(
      {},
      { modulesToSave: ["model.norm"] },
      model.tieWordEmbeddings
        ? { modulesToSave: ["embed_tokens"], ensureWeightTying: true }
        : { modulesToSave: ["lm_head"] },
      { trainableTokens: { embed_tokens: [7, pick(8, 20)], ...(!model.tieWordEmbeddings && { lm_head: [3] }) } },
    ),
  };
}

/** EVA finds as many directions as the examples have trained tokens at most. */
function randomStart({ linear }: CompileSpec["storage"], pick: Pick): Written<"lora"> {
  const starts = [
    "Gaussian",
    "Orthogonal",
    "EVA",
    ...(linear === "NF4" ? (["LoftQ"] as const) : (["PiSSA", "OLoRA"] as const)),
  ] as const;
  const initialization = oneOf(pick, ...starts);
  switch (initialization) {
    case "EVA":
      return {
        initialization,
        ...oneOf(pick, { rank: 1, evaRho: pick(1, 3) }, { rank: 2, evaRho: 1 }),
        rankPattern: {},
      };
    case "Orthogonal":
      return { initialization, rank: 2 * pick(1, 2), rankPattern: {} };
    default:
      return { initialization };
  }
}

function randomIa3(pick: Pick): Written<"ia3"> {
  return oneOf<() => Written<"ia3">>(
    pick,
    () => ({}),
    () => ({ targetModules: ["all-linear"], feedforwardModules: oneOf(pick, [], ["down_proj"], ["o_proj"]) }),
    () => ({ targetModules: ["o_proj", "up_proj"], feedforwardModules: oneOf(pick, [], ["up_proj"]) }),
    () => ({ targetModules: ["all-linear"], excludeModules: ["layers.0.self_attn.o_proj"] }),
    () => ({ targetModules: ["o_proj"], feedforwardModules: oneOf(pick, [], ["o_proj"]) }),
  )();
}
