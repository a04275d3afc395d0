/** A random tiny training of a method: a model of some family, settings, examples. The same for the same method and seed. */
import { CompileError, compile } from "../compile/compile.ts";
import { declarationOf, effectiveMethod, type WrittenMethod } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { aSpec, type Example, tinyModel } from "./compiledRun.ts";
import { randoms } from "./graphs.ts";

export interface RandomTraining {
  readonly spec: CompileSpec;
  /** The same in F32 or BF16, for the cpu backend. */
  readonly onCpu: CompileSpec;
  /** Two or three; together they fit into a row. */
  readonly examples: readonly Example[];
  readonly pick: Pick;
}

/** A whole number from `least` to `most`. */
type Pick = (least: number, most: number) => number;

const inBf16 = {
  precision: "BF16",
  storage: { dense: "BF16", linear: "BF16", doubleQuantization: false },
} as const satisfies Partial<CompileSpec>;

const families = ["llama", "qwen2", "qwen3", "olmo2", "gemma2", "phi3", "smollm3", "granite"] as const;

/** Throws an error if no family can train this method. */
export function randomTraining(kind: string, seed: number): RandomTraining {
  const random = randoms(seed * 7919 + [...kind].reduce((sum, letter) => sum + letter.charCodeAt(0), 0));
  for (let draw = 0; draw < 8; draw++) random();
  const pick: Pick = (least, most) => least + Math.floor((random() + 0.5) * (most - least + 1));
  const first = pick(0, families.length - 1);
  let refusal = "";
  for (let index = 0; index < families.length; index++) {
    const plain = randomModel(families[(first + index) % families.length]!, pick);
    const model = declarationOf(kind).givesAdapters === undefined ? plain : withRandomAdapters(plain, pick);
    const spec = aSpec({ model, method: randomSettings(kind, model, pick) });
    const reason = refusalOf(spec);
    const onCpu = pick(0, 1) === 0 ? spec : { ...spec, ...inBf16 };
    if (reason === undefined) return { spec, onCpu, examples: randomExamples(pick), pick };
    refusal = reason;
  }
  throw new Error(`${kind}, seed ${seed}: no family can be trained: ${refusal}`);
}

function withRandomAdapters(model: ModelConfig, pick: Pick): ModelConfig {
  const ranks = Array.from({ length: pick(2, 3) }, () => pick(1, 4));
  const layers = pick(0, 1) === 0 ? undefined : [pick(0, model.layers - 1)];
  const modules = pick(0, 1) === 0 ? ["self_attn.o_proj", "mlp.down_proj"] : ["mlp.down_proj"];
  return { ...model, givenAdapters: { ranks, modules, layers } };
}

function refusalOf(spec: CompileSpec): string | undefined {
  try {
    compile(spec);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

function randomModel(family: ModelConfig["family"], pick: Pick): ModelConfig {
  const kvHeads = pick(1, 2);
  return {
    ...tinyModel,
    family,
    hiddenSize: pick(5, 30),
    intermediateSize: pick(5, 40),
    layers: pick(1, 3),
    heads: kvHeads * pick(1, 3),
    kvHeads,
    tieWordEmbeddings: pick(0, 1) === 1,
  };
}

function randomSettings(kind: string, model: ModelConfig, pick: Pick): CompileSpec["method"] {
  const oneOf = <T>(...values: readonly T[]): T => values[pick(0, values.length - 1)]!;
  const dropout = oneOf("0", "0.3");
  const targetModules = oneOf(["all-linear"], ["o_proj"], ["o_proj", "down_proj"]);
  const layers = oneOf([], [pick(0, model.layers - 1)]);
  const virtualTokens = pick(1, 6);
  const written: WrittenMethod = {
    lora: {
      ...{ rank: pick(1, 5), dropout, layers, rankStabilized: oneOf(true, false) },
      targetModules: layers.length > 0 || model.tieWordEmbeddings ? targetModules : [...targetModules, "embed_tokens"],
    },
    dora: { rank: pick(1, 5), targetModules, layers },
    adalora: { initialRank: pick(2, 4), targetRank: pick(1, 2), everySteps: pick(1, 2), dropout, targetModules },
    loha: { rank: pick(1, 4), targetModules, layers },
    lokr: { rank: pick(1, 4), decomposeBoth: oneOf(true, false), targetModules },
    krona: { scale: oneOf("0.5", "2"), targetModules },
    xlora: {
      adapters: (model.givenAdapters?.ranks ?? []).map((_, index) => ({ uri: String(index) })),
      ...oneOf({ classifierDepth: 1 }, { classifierDepth: 3, classifierWidth: pick(1, 7), classifierDropout: dropout }),
      ...oneOf(
        { topK: 1 },
        { topK: 2, normalization: "Chosen" as const },
        { temperature: "0.5", firstPassScale: "0.5" },
      ),
      ...{ layerwise: oneOf(true, false), scale: oneOf("1", "1.5") },
    },
    bottleneck: {
      ...{
        design: oneOf("Houlsby", "Pfeiffer", "Parallel"),
        branches: oneOf(["Attention"], ["FeedForward", "Attention"]),
      },
      ...{ reductionFactor: oneOf("2", "4.5", "100"), nonlinearity: oneOf("ReLU", "SiLU", "GELU"), dropout },
    },
    diffPruning: {
      ...{ density: oneOf("0.02", "0.4"), penalty: oneOf("0", "1e-3"), structured: oneOf(true, false) },
      ...{ fixedShare: oneOf("0.3", "0.7"), learningRateRatio: "20", targetModules, layers },
    },
    intrinsicDimension: { dimension: oneOf(1, 30, 500), projectionSeed: pick(0, 9), targetModules, layers },
    prefixTuning: { virtualTokens },
    promptTuning: { virtualTokens },
    pTuning: { virtualTokens, encoderHiddenSize: pick(1, 7), encoder: oneOf("MLP", "LSTM") },
  };
  const settings: object = Reflect.get(written, kind) ?? {};
  return effectiveMethod({ [kind]: settings });
}

function randomExamples(pick: Pick): Example[] {
  const lengths = pick(0, 1) === 0 ? [pick(3, 6), pick(3, 6)] : [pick(2, 4), pick(2, 4), pick(2, 4)];
  return lengths.map((length, index) => ({
    id: 10 * index + pick(0, 9),
    tokens: Array.from({ length }, () => pick(1, tinyModel.vocabSize - 1)),
  }));
}
