/** A random tiny training of a method: a model of some family, settings, examples. The same for the same method and seed. */
import { CompileError, compile } from "../compile/compile.ts";
import { declarationOf } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { aSpec, type Example, tinyModel } from "./compiledRun.ts";
import { randoms } from "./graphs.ts";
import { oneOf, type Pick, randomSettings } from "./randomSettings.ts";

export interface RandomTraining {
  readonly spec: CompileSpec;
  /** The same in F32 or BF16, for the cpu backend. */
  readonly onCpu: CompileSpec;
  /** Two or three; together they fit into a row. */
  readonly examples: readonly Example[];
  readonly pick: Pick;
}

const families = [
  ...(["llama", "qwen2", "qwen3", "olmo2", "gemma2", "phi3", "smollm3", "granite"] as const),
  ...(["mixtral", "qwen3_moe", "gpt_oss"] as const),
] as const;
type RandomFamily = (typeof families)[number];

/** Draws until a method and a model fit each other. */
const mostDraws = 100;

/** Throws an error if no drawn model can train this method. */
export function randomTraining(kind: string, seed: number): RandomTraining {
  const random = randoms(seed * 7919 + [...kind].reduce((sum, letter) => sum + letter.charCodeAt(0), 0));
  for (let draw = 0; draw < 8; draw++) random();
  const pick: Pick = (least, most) => least + Math.floor((random() + 0.5) * (most - least + 1));
  let refusal = "";
  for (let draw = 0; draw < mostDraws; draw++) {
    const plain = randomModel(families[pick(0, families.length - 1)]!, pick);
    const model = declarationOf(kind).givesAdapters === undefined ? plain : withRandomAdapters(plain, pick);
    const storage = randomStorage(kind, pick);
    const method = randomSettings(kind, model, storage, pick);
    const spec = aSpec({ model, storage, method, ...randomOptions(model, pick) });
    const reason = refusalOf(spec);
    const onCpu = pick(0, 1) === 0 ? spec : inBf16(spec);
    if (reason === undefined) return { spec, onCpu, examples: randomExamples(pick), pick };
    refusal = reason;
  }
  throw new Error(`${kind}, seed ${seed}: no model can be trained: ${refusal}`);
}

const inBf16 = (spec: CompileSpec): CompileSpec => ({
  ...spec,
  precision: "BF16",
  storage: { ...spec.storage, dense: "BF16", linear: spec.storage.linear === "NF4" ? "NF4" : "BF16" },
});

/** A third of the bases in NF4, if the method can train beside it. */
function randomStorage(kind: string, pick: Pick): CompileSpec["storage"] {
  const plain = { dense: "F32", linear: "F32", doubleQuantization: false } as const;
  if (declarationOf(kind).nf4Refusal !== undefined || pick(0, 2) > 0) return plain;
  const unquantized = oneOf(pick, undefined, undefined, ["o_proj"]);
  return { dense: "F32", linear: "NF4", doubleQuantization: pick(0, 1) === 1, ...(unquantized && { unquantized }) };
}

/** Half of the trainings plain, the others with a loss or noise of some kind. */
function randomOptions({ experts }: ModelConfig, pick: Pick): Partial<CompileSpec> {
  const { training } = aSpec();
  if (!training || pick(0, 1) === 0) return {};
  return {
    training: {
      ...training,
      labelSmoothing: oneOf(pick, 0, 0.1),
      neftuneNoiseAlpha: oneOf(pick, 0, 5),
      routerAuxLoss: experts ? oneOf(pick, 0, 0.5) : 0,
    },
  };
}

function withRandomAdapters(model: ModelConfig, pick: Pick): ModelConfig {
  const ranks = Array.from({ length: pick(2, 3) }, () => pick(1, 4));
  const layers = pick(0, 1) === 0 ? undefined : [pick(0, model.layers - 1)];
  const [attention, feedForward] = ["self_attn.o_proj", "mlp.down_proj"] as const;
  const modules = model.experts ? [attention] : oneOf(pick, [attention, feedForward], [feedForward]);
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

function randomModel(family: RandomFamily, pick: Pick): ModelConfig {
  const kvHeads = pick(1, 2);
  const model: ModelConfig = {
    ...tinyModel,
    family,
    hiddenSize: pick(5, 30),
    intermediateSize: pick(5, 40),
    layers: pick(1, 3),
    heads: kvHeads * pick(1, 3),
    kvHeads,
    tieWordEmbeddings: pick(0, 1) === 1,
  };
  return { ...model, ...randomFacts(model, pick) };
}

/** The facts that a family has beside the shapes of all. */
function randomFacts({ family, layers }: ModelConfig, pick: Pick): Partial<ModelConfig> {
  const attentionBias = pick(0, 1) === 1 && { attentionBias: true as const };
  const mlpBias = pick(0, 1) === 1 && { mlpBias: true as const };
  const count = pick(2, 5);
  const experts = { count, chosen: pick(1, Math.min(count, 3)), width: pick(3, 20) };
  switch (family) {
    case "llama":
    case "smollm3":
      return { ...attentionBias, ...mlpBias };
    case "qwen3":
    case "olmo2":
      return { ...attentionBias };
    case "granite":
      return { ...attentionBias, ...mlpBias, multipliers: { embedding: 2, residual: 0.5, logits: 3 } };
    case "gemma2":
      return { attentionSoftcap: 5, logitSoftcap: 3 };
    case "mixtral":
      return { experts, normalizesExperts: true };
    case "qwen3_moe": {
      const denseLayers = layers > 1 && pick(0, 1) === 1 && { denseLayers: [0] };
      return { experts: { ...experts, ...denseLayers }, normalizesExperts: pick(0, 1) === 1, ...attentionBias };
    }
    case "gpt_oss":
      return { experts, normalizesExperts: true, clampedUnit: { alpha: 1.702, limit: 0.7 }, attentionBias: true };
    default:
      return {};
  }
}

function randomExamples(pick: Pick): Example[] {
  const lengths = pick(0, 1) === 0 ? [pick(3, 6), pick(3, 6)] : [pick(2, 4), pick(2, 4), pick(2, 4)];
  return lengths.map((length, index) => ({
    id: 10 * index + pick(0, 9),
    tokens: Array.from({ length }, () => pick(1, tinyModel.vocabSize - 1)),
  }));
}
