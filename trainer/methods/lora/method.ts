/**
 * LoRA: y = Wx + s·B(Ax), s = α/r (α/√r when rank-stabilised), A ~ Kaiming-uniform(√5), B = 0.   Hu et al. 2021, §4.1
 *
 * On an embedding, as in PEFT: y = E[id] + s·A[id]·Bᵀ, A = 0, B ~ N(0, 1), without dropout.
 */
import { counted } from "../../contract/counted.ts";
import { lora as declaration, type LoraSettings } from "../../contract/methods/lora.ts";
import { trainedRowsName } from "../../graph/site.ts";
import { addScaledProduct, transposed } from "../lowRank.ts";
import { defineMethod, type MethodTask } from "../method.ts";
import { isAdapted, isTrainedTensor, savedFault } from "../savedModules.ts";
import { isTargetParameter } from "../targets.ts";
import { mergeTrainedRows, trainedRowsFault, trainedRowsOf } from "../trainedRows.ts";
import { updateFault, updateOf } from "../update.ts";
import { evaBytes, isEva, setUpEva } from "./eva.ts";
import { expertFactors, expertFault, factorsOfPart, isExpertParameter } from "./experts.ts";
import { factorsOf, quantizedStart, startsRandomly } from "./factors.ts";
import { fromBaseFault, savedSettings } from "./fromBase.ts";
import { loraPeft } from "./peft.ts";

export const lora = defineMethod(declaration, {
  describe({
    rank,
    alpha,
    dropout,
    targetModules,
    targetParameters,
    rankStabilized,
    initialization,
    bias,
    modulesToSave,
    trainableTokens,
  }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    const start = startsRandomly({ initialization }) ? "" : `, initialised by ${initialization}`;
    const update = `LoRA, rank ${rank}, alpha ${alpha}${scaling}, dropout ${dropout}, on ${[...targetModules, ...targetParameters].join(", ")}${start}`;
    const biases = { None: [], All: ["all biases"], LoraOnly: ["the biases of these layers"] }[bias];
    const rows = Object.entries(trainableTokens).map(
      ([name, list = []]) => `${counted(list.length, "row")} of ${name}`,
    );
    const whole = [...modulesToSave, ...biases, ...rows];
    return whole.length === 0 ? update : `${update}; trained whole: ${whole.join(", ")}`;
  },
  check(settings, task) {
    const linear = task.sites.filter((site) => isAdapted(site, settings));
    const embeddings = task.embeddings.filter((site) => isAdapted(site, settings, "embedding"));
    const named = [...task.sites, ...task.embeddings];
    const parameters = task.expertParameters.filter((name) => isTargetParameter(name, settings));
    const fault =
      expertFault(settings, task) ??
      updateFault(settings, { named, linear, embeddings, parameters }) ??
      savedFault(settings, task) ??
      trainedRowsFault(settings, task);
    if (fault !== undefined) return fault;
    const begins = fromBaseFault(settings, task, { linear, embeddings });
    if (begins !== undefined) return begins;
    if (linear.length + embeddings.length + parameters.length === 0)
      return "modulesToSave names every layer that targetModules does, so no layer is left to adapt: remove one from modulesToSave";
    return embeddings.length > 0 && task.model.tieWordEmbeddings ? tiedFault(settings, task) : undefined;
  },
  trains: isTrainedTensor,
  trainedRows: trainedRowsOf,
  saved: savedSettings,
  quantizedStart,
  readsInputs: isEva,
  setupBytes: (facts, settings) => (isEva(settings) ? evaBytes(facts, settings) : 0),
  async setup(host, settings) {
    if (isEva(settings)) await setUpEva(host, settings);
  },
  linear(site, x, base, settings) {
    if (!isAdapted(site.name, settings)) return base(x);
    const { a, b } = factorsOf(site, settings, settings.learningRateRatio);
    return base(x, { lowRank: { from: site.dropout(x, settings.dropout), a: a.phi, b: b.phi } });
  },
  experts: (site, settings) => (isTargetParameter(site.name, settings) ? expertFactors(site, settings) : undefined),
  embedding(site, base, settings) {
    if (!isAdapted(site.name, settings, "embedding")) return base();
    const { rank, scale } = updateOf(site.name, settings);
    const a = site.trainable("lora_embedding_A", [site.vocabulary, rank], { kind: "zeros" });
    const b = site.trainable("lora_embedding_B", [site.width, rank], { kind: "normal", deviation: 1 }, { scale });
    return base({ a: a.phi, b: b.phi });
  },
  merge(site, w, rows, settings) {
    if (site.has(trainedRowsName))
      return mergeTrainedRows(site, w, rows, trainedRowsOf(`${site.name}.weight`, settings));
    const { rank, scale } = updateOf(site.name, settings);
    if (site.has("lora_embedding_A")) {
      const b = site.parameter("lora_embedding_B");
      addScaledProduct(w, rows, scale, transposed(b, b.length / site.in), site.parameter("lora_embedding_A"));
      return;
    }
    const { a, b } = factorsOfPart(site, rank);
    addScaledProduct(w, rows, scale, a, b);
  },
  lowRank(site, settings) {
    const { rank, scale } = updateOf(site.name, settings);
    if (site.has("lora_embedding_A")) {
      // One row per token: ΔE = scale·A·Bᵀ.
      const a = transposed(site.parameter("lora_embedding_B"), rank);
      return { a, b: site.parameter("lora_embedding_A"), rank, scale };
    }
    // Those of experts are decomposed with the base, which has their number.
    if (!site.has("lora_A.weight") || isExpertParameter(site.name)) return undefined;
    return { a: site.parameter("lora_A.weight"), b: site.parameter("lora_B.weight"), rank, scale };
  },
  peft: loraPeft,
});

/** An adapted embedding changes only the input, as in PEFT, so a model whose head is the embedding cannot be merged. */
function tiedFault({ ensureWeightTying }: LoraSettings, { isTraining }: MethodTask): string | undefined {
  if (!ensureWeightTying && !isTraining) return undefined;
  return "targetModules: this model's head is embed_tokens, and an adapter of the input alone cannot be merged into both: leave embed_tokens out, or train it whole by modulesToSave and ensureWeightTying";
}
