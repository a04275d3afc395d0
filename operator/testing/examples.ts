/**
 * Invalid specs of FineTuneJobs, and valid ones that look invalid. `operator/api/rules.test.ts` checks them with zod and
 * `test/e2e/refusals.ts` with the API server, so that both apply the same rules. Each replaces members of a valid spec. The
 * file is long because it is one table: both tests go through all of it.
 */

interface WrongSpec {
  name: string;
  wrong: Record<string, unknown>;
  /** The field that both errors name. */
  field: string;
  /** The message of both; absent if Kubernetes has its own message. */
  message?: string;
}

const source = { uri: "pvc://inputs/train.jsonl" };
const dataset = { sources: [source], maxSequenceLength: 128 };
const validated = { ...dataset, validation: { fraction: "0.1" } };
const sourced = (change: object) => ({ dataset: { ...dataset, sources: [{ ...source, ...change }] } });
const placed = (change: object) => ({ placement: { gpusPerNode: 0, ...change } });
const tolerating = (toleration: object) => placed({ tolerations: [toleration] });
const evaluation = { test: { uri: "pvc://inputs/test.jsonl" }, metrics: ["ExactMatch"] };
const labels = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`label-${index}`, "here"]));
const quantized = { uri: "pvc://inputs/model", quantization: { type: "NF4" } };
const mixed = ["pvc://adapters/a", "pvc://adapters/b"].map((uri) => ({ uri }));
const twice = <T>(entry: T) => [entry, entry];
const remoteAccess = "endpoint and secretRef need a uri of s3:// or hf://: remove them";
const scheduled = (learningRateSchedule: object) => ({ training: { learningRateSchedule } });
const preferring = (objective: object) => ({ training: { objective } });
const needsValidation = (field: string) =>
  `${field} needs dataset.validation: set dataset.validation.fraction or dataset.validation.uri`;

export const wrongSpecs: readonly WrongSpec[] = [
  { name: "a typo in a field", wrong: { training: { maxStep: 3 } }, field: "spec.training.maxStep" },
  {
    name: "a quantity that is a fraction without quotes",
    wrong: placed({ resources: { limits: { cpu: 1.5 } } }),
    field: "spec.placement.resources.limits.cpu",
  },
  { name: "no data", wrong: { dataset: { sources: [] } }, field: "spec.dataset.sources" },
  { name: "a rank of zero", wrong: { method: { lora: { rank: 0 } } }, field: "spec.method.lora.rank" },
  {
    name: "no method",
    wrong: { method: {} },
    field: "spec.method",
    message: "exactly one method must be set: lora or",
  },
  {
    name: "two methods",
    wrong: { method: { lora: {}, full: {} } },
    field: "spec.method",
    message: "exactly one method",
  },
  {
    name: "epochs and maxSteps",
    wrong: { training: { epochs: "1", maxSteps: 3 } },
    field: "spec.training",
    message: "set epochs or maxSteps, not both",
  },
  ...(
    [
      [{ type: "Linear", minimumRatio: "0.1" }, "minimumRatio", "Cosine, WarmupStableDecay or Polynomial"],
      [{ type: "Cosine", timescale: 10 }, "timescale", "InverseSquareRoot"],
      [{ type: "Cosine", decayRatio: "0.1" }, "decayRatio", "WarmupStableDecay"],
      [{ type: "Constant", decayType: "Linear" }, "decayType", "WarmupStableDecay"],
      [{ type: "Linear", power: "2" }, "power", "Polynomial"],
    ] as const
  ).map(([schedule, field, fitting]) => ({
    name: `${field} in a schedule of type ${schedule.type}`,
    wrong: scheduled(schedule),
    field: `spec.training.learningRateSchedule.${field}`,
    message: `${field} applies only to the type ${fitting}: remove it, or change the type`,
  })),
  ...(
    [
      [{ type: "ORPO", beta: "0.1" }, "beta", "DPO or KTO"],
      [{ type: "DPO", lambda: "0.1" }, "lambda", "ORPO"],
      [{ type: "DPO", desirableWeight: "2" }, "desirableWeight", "KTO"],
      [{ type: "Supervised", undesirableWeight: "2" }, "undesirableWeight", "KTO"],
    ] as const
  ).map(([objective, field, fitting]) => ({
    name: `${field} of the objective ${objective.type}`,
    wrong: preferring(objective),
    field: `spec.training.objective.${field}`,
    message: `${field} applies only to the type ${fitting}: remove it, or change the type`,
  })),
  ...(
    [
      ["Supervised", "Preference", "Messages or ShareGPT or Alpaca or PromptCompletion or Text"],
      ["DPO", "Labelled", "Preference"],
      ["ORPO", "Messages", "Preference"],
      ["KTO", "Text", "Preference or Labelled"],
    ] as const
  ).map(([type, format, formats]) => ({
    name: `data of the format ${format} for the objective ${type}`,
    wrong: { ...sourced({ format }), ...preferring({ type }) },
    field: "spec.dataset",
    message: `training.objective ${type} learns from data of the format ${formats}: change the format, or the objective`,
  })),
  {
    name: "trained tokens of preferences",
    wrong: { dataset: { ...dataset, trainOn: "All" }, ...preferring({ type: "DPO" }) },
    field: "spec.dataset.trainOn",
    message:
      "dataset.trainOn has no effect on a training.objective of preferences, which learn the chosen and the rejected answers: remove it",
  },
  {
    name: "smoothing of preferences",
    wrong: { training: { objective: { type: "DPO" }, labelSmoothing: "0.1" } },
    field: "spec.training.labelSmoothing",
    message: "labelSmoothing smooths the loss of examples and has no effect on an objective of preferences: remove it",
  },
  {
    name: "balanced routers of preferences",
    wrong: { training: { objective: { type: "KTO" }, routerAuxLoss: "0.02" } },
    field: "spec.training.routerAuxLoss",
    message:
      "routerAuxLoss is a part of the loss of examples and has no effect on an objective of preferences: remove it",
  },
  {
    name: "an overlap of preferences",
    wrong: { dataset: { ...dataset, textOverlap: 4 }, ...preferring({ type: "ORPO" }) },
    field: "spec.dataset.textOverlap",
    message:
      "dataset.textOverlap has no effect on a training.objective of preferences, whose data hold no long texts: remove it",
  },
  {
    name: "a reference for a whole model",
    wrong: { method: { full: {} }, ...preferring({ type: "KTO" }) },
    field: "spec.training.objective",
    message:
      "training.objective DPO and KTO compare with the base, of which method.full trains the weights themselves: use ORPO, or a method that trains an adapter",
  },
  {
    name: "FISH Mask on preferences",
    wrong: { method: { fishMask: {} }, ...preferring({ type: "ORPO" }) },
    field: "spec.training.objective",
    message:
      "method.fishMask chooses its weights by the gradients of a supervised loss before the first step, and cannot learn from preferences: set training.objective to Supervised, or set method.lora",
  },
  {
    name: "an invalid learning rate",
    wrong: { training: { learningRate: "fast" } },
    field: "spec.training.learningRate",
    message: "must be a decimal number",
  },
  {
    name: "a dropout out of bounds",
    wrong: { method: { lora: { dropout: "1.5" } } },
    field: "spec.method.lora.dropout",
    message: "at most 0.9",
  },
  {
    name: "a weight of zero",
    wrong: sourced({ weight: "0" }),
    field: "spec.dataset.sources[0].weight",
    message: "above 0 and at most 100",
  },
  {
    name: "a claim without a name",
    wrong: { baseModel: { uri: "pvc://" } },
    field: "spec.baseModel.uri",
    message: "must be pvc://CLAIM/PATH",
  },
  {
    name: "a path that leaves the claim",
    wrong: { baseModel: { uri: "pvc://inputs/../other" } },
    field: "spec.baseModel.uri",
    message: "must not contain . or .. as a part of the path",
  },
  {
    name: "a revision of a claim",
    wrong: { baseModel: { uri: "pvc://inputs/model", revision: "main" } },
    field: "spec.baseModel.revision",
    message: "revision needs a uri of hf://: remove it",
  },
  {
    name: "credentials for a claim",
    wrong: { artifacts: { uri: "pvc://store", secretRef: { name: "keys" } } },
    field: "spec.artifacts",
    message: remoteAccess,
  },
  {
    name: "both kinds of validation",
    wrong: { dataset: { ...dataset, validation: { fraction: "0.1", uri: "pvc://inputs/test.jsonl" } } },
    field: "spec.dataset.validation",
    message: "exactly one of fraction and uri must be set",
  },
  {
    name: "a format of a fraction",
    wrong: { dataset: { ...dataset, validation: { fraction: "0.1", format: "Text" } } },
    field: "spec.dataset.validation",
    message: "format and columns describe the file at uri: set uri, or remove them",
  },
  {
    name: "an overlap as long as a row",
    wrong: { dataset: { ...dataset, textOverlap: 513 } },
    field: "spec.dataset.textOverlap",
    message: "textOverlap must be at most half of maxSequenceLength",
  },
  {
    name: "two chat templates",
    wrong: { dataset: { ...dataset, chatTemplate: { builtIn: "ChatML", text: "{{ messages }}" } } },
    field: "spec.dataset.chatTemplate",
    message: "exactly one of builtIn, text and uri must be set",
  },
  {
    name: "a split of a file",
    wrong: sourced({ split: "train" }),
    field: "spec.dataset.sources[0].uri",
    message: "split and configuration need a uri of hf://datasets/ORGANISATION/NAME without a path: remove them",
  },
  {
    name: "a column of another format",
    wrong: sourced({ format: "Alpaca", columns: { prompt: "x" } }),
    field: "spec.dataset.sources[0].columns",
    message: "columns names a field that this format does not have: remove it",
  },
  {
    name: "evaluation without validation",
    wrong: { training: { evaluation: { everySteps: 2 } } },
    field: "spec.training",
    message: needsValidation("training.evaluation"),
  },
  {
    name: "early stopping without validation",
    wrong: { training: { earlyStopping: { patience: 2 } } },
    field: "spec.training",
    message: needsValidation("training.earlyStopping"),
  },
  {
    name: "the best weights without validation",
    wrong: { training: { keep: "Best" } },
    field: "spec.training",
    message: needsValidation("training.keep: Best"),
  },
  {
    name: "full fine-tuning of a quantised base",
    wrong: { baseModel: quantized, method: { full: {} } },
    field: "spec.baseModel.quantization",
    message:
      "method.full trains the base's own weights, which NF4 cannot hold: use a base that is not quantised (remove quantization), or set method.lora",
  },
  {
    name: "dequantising a base that was not quantised",
    wrong: { adapter: { exports: [{ name: "a", merged: { base: "Dequantized" } }] } },
    field: "spec.adapter.exports",
    message: "base: Dequantized needs baseModel.quantization",
  },
  {
    name: "dequantising a base that was not quantised for llama.cpp",
    wrong: { adapter: { exports: [{ name: "a", gguf: { base: "Dequantized" } }] } },
    field: "spec.adapter.exports",
    message: "base: Dequantized needs baseModel.quantization",
  },
  {
    name: "a GGUF file of a prompt",
    wrong: { method: { promptTuning: {} }, adapter: { exports: [{ name: "a", gguf: {} }] } },
    field: "spec.adapter.exports",
    message: "method.promptTuning trains embeddings before each example, which the base's weights cannot hold",
  },
  {
    name: "AdaLoRA ranks that would rise",
    wrong: { method: { adalora: { targetRank: 13 } } },
    field: "spec.method.adalora.targetRank",
    message: "targetRank must be at most initialRank",
  },
  {
    name: "LoftQ on a base that is not quantised",
    wrong: { method: { lora: { initialization: "LoftQ" } } },
    field: "spec.baseModel",
    message:
      "method.lora.initialization LoftQ replaces what quantising a base in NF4 loses: set baseModel.quantization, or another initialization",
  },
  {
    name: "LoftQ's adapter merged into the original",
    wrong: {
      baseModel: quantized,
      method: { lora: { initialization: "LoftQ" } },
      adapter: { exports: [{ name: "a", merged: {} }] },
    },
    field: "spec.adapter.exports",
    message: "which would be added to the original twice: set base: Dequantized in that export",
  },
  {
    name: "no targets at all",
    wrong: { method: { lora: { targetModules: [] } } },
    field: "spec.method.lora.targetModules",
    message: "targetModules is empty and targetParameters names nothing: name layers, or remove it for all-linear",
  },
  {
    name: "iterations of LoftQ with another initialization",
    wrong: { method: { lora: { loftqIterations: 5 } } },
    field: "spec.method.lora.loftqIterations",
    message: "loftqIterations has no effect without initialization: LoftQ",
  },
  {
    name: "a multiple of EVA's ranks with another initialization",
    wrong: { method: { lora: { evaRho: 3 } } },
    field: "spec.method.lora.evaRho",
    message: "evaRho has no effect without initialization: EVA",
  },
  {
    name: "a threshold of EVA with another initialization",
    wrong: { method: { lora: { evaTau: "0.9", initialization: "PiSSA" } } },
    field: "spec.method.lora.evaTau",
    message: "evaTau has no effect without initialization: EVA",
  },
  {
    name: "PiSSA on a base in NF4",
    wrong: { baseModel: quantized, method: { lora: { initialization: "PiSSA" } } },
    field: "spec.baseModel.quantization",
    message: "method.lora.initialization PiSSA and OLoRA subtract a part from the base's matrices",
  },
  {
    name: "OLoRA on a base in NF4",
    wrong: { baseModel: quantized, method: { lora: { initialization: "OLoRA" } } },
    field: "spec.baseModel.quantization",
    message: "use a base in BF16 or F32 (remove quantization), or set another initialization",
  },
  ...["PiSSA", "OLoRA", "LoftQ", "EVA"].map((initialization) => ({
    name: `${initialization} of an embedding`,
    wrong: {
      ...(initialization === "LoftQ" && { baseModel: quantized }),
      method: { lora: { initialization, targetModules: ["q_proj", "embed_tokens"], excludeModules: ["k_proj"] } },
    },
    field: "spec.method.lora.targetModules",
    message:
      "initialization PiSSA, OLoRA and LoftQ decompose the matrices of linear layers, and EVA needs their inputs",
  })),
  {
    name: "orthogonal factors of an odd rank",
    wrong: { method: { lora: { initialization: "Orthogonal", rank: 3 } } },
    field: "spec.method.lora.rank",
    message: "initialization: Orthogonal needs even ranks: change rank",
  },
  {
    name: "DoRA's orthogonal factors of an odd rank",
    wrong: { method: { dora: { initialization: "Orthogonal", rank: 5, rankPattern: {} } } },
    field: "spec.method.dora.rank",
    message: "initialization: Orthogonal needs even ranks: change rank",
  },
  {
    name: "dropout on the experts of a mixture",
    wrong: { method: { lora: { targetParameters: ["experts.down_proj"], dropout: "5e-2" } } },
    field: "spec.method.lora.dropout",
    message: "has no input to drop: set dropout: 0",
  },
  {
    name: "experts of a mixture that start from their matrices",
    wrong: { method: { lora: { targetParameters: ["experts.down_proj"], initialization: "Orthogonal" } } },
    field: "spec.method.lora.initialization",
    message: "targetParameters: experts start by Kaiming or Gaussian, as in PEFT",
  },
  {
    name: "rows of an embedding that is trained whole",
    wrong: { method: { lora: { trainableTokens: { embed_tokens: [5] }, modulesToSave: ["embed_tokens"] } } },
    field: "spec.method.lora.trainableTokens.embed_tokens",
    message: "trainableTokens.embed_tokens: modulesToSave or targetModules trains embed_tokens already",
  },
  {
    name: "rows of an adapted embedding",
    wrong: { method: { lora: { trainableTokens: { embed_tokens: [5] }, targetModules: ["model.embed_tokens"] } } },
    field: "spec.method.lora.trainableTokens.embed_tokens",
    message: "name it in one of them",
  },
  {
    name: "rows of a head that is trained whole",
    wrong: { method: { lora: { trainableTokens: { lm_head: [5] }, modulesToSave: ["lm_head"] } } },
    field: "spec.method.lora.trainableTokens.lm_head",
    message: "trainableTokens.lm_head: modulesToSave or targetModules trains lm_head already",
  },
  {
    name: "a run of AdaLoRA without steps for its ranks",
    wrong: { method: { adalora: { initialSteps: 6, finalSteps: 4 } }, training: { maxSteps: 10 } },
    field: "spec.method.adalora",
    message: "leave none of the run's steps in which ranks fall to targetRank: lower them, or raise training.maxSteps",
  },
  {
    name: "diff pruning in one step",
    wrong: { method: { diffPruning: {} }, training: { maxSteps: 1 } },
    field: "spec.method.diffPruning",
    message: "leaves none of the run's steps in which the gates train: lower it, or raise training.maxSteps",
  },
  {
    name: "diff pruning that fixes its places at once",
    wrong: { method: { diffPruning: { fixedShare: "0.9" } }, training: { maxSteps: 5 } },
    field: "spec.method.diffPruning",
    message: "leaves none of the run's steps in which the gates train: lower it, or raise training.maxSteps",
  },
  {
    name: "the balance of a router that the method leaves frozen",
    wrong: { method: { lora: {} }, training: { routerAuxLoss: "0.02" } },
    field: "spec.training.routerAuxLoss",
    message: "training.routerAuxLoss balances the router, which this method leaves frozen",
  },
  {
    name: "the balance of a router by IA3",
    wrong: { method: { ia3: {} }, training: { routerAuxLoss: "1e-3" } },
    field: "spec.training.routerAuxLoss",
    message: "training.routerAuxLoss balances the router, which this method leaves frozen",
  },
  {
    name: "FISH Mask on a base in NF4",
    wrong: { baseModel: quantized, method: { fishMask: {} } },
    field: "spec.baseModel.quantization",
    message:
      "method.fishMask chooses among the base's own weights by their gradients, and the 4-bit codes of NF4 have none: remove quantization, or set method.lora",
  },
  {
    name: "a feed-forward layer that is not adapted",
    wrong: { method: { ia3: { targetModules: ["k_proj"], feedforwardModules: ["down_proj"] } } },
    field: "spec.method.ia3.feedforwardModules",
    message: "names a layer that targetModules does not",
  },
  {
    name: "merging a prompt into weights",
    wrong: { method: { promptTuning: {} }, adapter: { exports: [{ name: "a", merged: {} }] } },
    field: "spec.adapter.exports",
    message: "method.promptTuning trains embeddings before each example",
  },
  {
    name: "merging P-tuning's prompt into weights",
    wrong: { method: { pTuning: {} }, adapter: { exports: [{ name: "a", merged: {} }] } },
    field: "spec.adapter.exports",
    message: "method.pTuning trains embeddings before each example",
  },
  {
    name: "merging a prefix into weights",
    wrong: { method: { prefixTuning: {} }, adapter: { exports: [{ name: "a", merged: {} }] } },
    field: "spec.adapter.exports",
    message:
      "method.prefixTuning trains keys and values before each example, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
  },
  {
    name: "merging a network into weights",
    wrong: { method: { bottleneck: {} }, adapter: { exports: [{ name: "a", merged: {} }] } },
    field: "spec.adapter.exports",
    message: "method.bottleneck trains networks with a nonlinearity",
  },
  {
    name: "merging a mixture into weights",
    wrong: { method: { xlora: { adapters: mixed } }, adapter: { exports: [{ name: "a", merged: {} }] } },
    field: "spec.adapter.exports",
    message: "method.xlora mixes its adapters for each token anew",
  },
  {
    name: "one adapter to mix",
    wrong: { method: { xlora: { adapters: mixed.slice(1) } } },
    field: "spec.method.xlora.adapters",
  },
  {
    name: "credentials of a claim's adapter",
    wrong: { method: { xlora: { adapters: [...mixed, { uri: "pvc://adapters/c", secretRef: { name: "s" } }] } } },
    field: "spec.method.xlora.adapters[2]",
    message: "endpoint and secretRef need a uri of s3:// or hf://",
  },
  {
    name: "a width of hidden layers that the classifier lacks",
    wrong: { method: { xlora: { adapters: mixed, classifierWidth: 8 } } },
    field: "spec.method.xlora.classifierWidth",
    message: "classifierWidth has no effect without hidden layers",
  },
  {
    name: "dropout of hidden layers that the classifier lacks",
    wrong: { method: { xlora: { adapters: mixed, classifierDropout: "0.1" } } },
    field: "spec.method.xlora.classifierDropout",
    message: "classifierDropout has no effect without hidden layers",
  },
  {
    name: "as many chosen adapters as there are",
    wrong: { method: { xlora: { adapters: mixed, topK: 2 } } },
    field: "spec.method.xlora.topK",
    message: "topK must be below the number of adapters",
  },
  {
    name: "a softmax over one chosen adapter",
    wrong: { method: { xlora: { adapters: mixed, topK: 1, normalization: "Chosen" } } },
    field: "spec.method.xlora.normalization",
    message: "normalization Chosen needs topK above 1",
  },
  {
    name: "a temperature of a softmax over the chosen adapters",
    wrong: { method: { xlora: { adapters: mixed, topK: 1, normalization: "Chosen", temperature: "2" } } },
    field: "spec.method.xlora.temperature",
    message: "temperature has no effect with normalization Chosen",
  },
  {
    name: "equal scales of which the highest are chosen",
    wrong: { method: { xlora: { adapters: mixed, topK: 1, firstPassScale: "0.5" } } },
    field: "spec.method.xlora.firstPassScale",
    message: "firstPassScale cannot be combined with topK",
  },
  {
    name: "an export without a format",
    wrong: { adapter: { exports: [{ name: "a" }] } },
    field: "spec.adapter.exports[0]",
    message: "exactly one export format must be set: merged or gguf or adapter",
  },
  {
    name: "an export in two formats",
    wrong: { adapter: { exports: [{ name: "a", merged: {}, adapter: {} }] } },
    field: "spec.adapter.exports[0]",
    message: "exactly one export format must be set: merged or gguf or adapter",
  },
  {
    name: "the adapter of full fine-tuning",
    wrong: { method: { full: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.full leaves a whole model and no adapter: leave adapter exports out and export merged",
  },
  {
    name: "a PEFT adapter of biases",
    wrong: { method: { bitfit: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.bitfit trains biases alone, which PEFT has no adapter for",
  },
  {
    name: "a PEFT adapter of single weights",
    wrong: { method: { fishMask: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.fishMask changes single weights, which PEFT has no adapter for",
  },
  {
    name: "a PEFT adapter of pruned differences",
    wrong: { method: { diffPruning: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.diffPruning changes single weights, which PEFT has no adapter for",
  },
  {
    name: "a PEFT adapter of a projected vector",
    wrong: { method: { intrinsicDimension: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.intrinsicDimension projects one vector to all matrices, which PEFT has no adapter for",
  },
  {
    name: "a PEFT adapter of bottleneck networks",
    wrong: { method: { bottleneck: {} }, adapter: { exports: [{ name: "a", adapter: {} }] } },
    field: "spec.adapter.exports",
    message: "method.bottleneck leaves an adapter in AdapterHub's layout, and PEFT has no such adapter",
  },
  {
    name: "an adapter for a quantised base that other programs do not have",
    wrong: {
      baseModel: quantized,
      method: { lora: { initialization: "LoftQ", loftqIterations: 2 } },
      adapter: { exports: [{ name: "a", adapter: {} }] },
    },
    field: "spec.adapter.exports",
    message: "method.lora.loftqIterations above 1 makes a quantised base that other programs do not have",
  },
  {
    name: "padded ranks of DoRA",
    wrong: { method: { dora: {} }, adapter: { exports: [{ name: "a", adapter: { padRanks: true } }] } },
    field: "spec.adapter.exports",
    message: "adapter.padRanks is for vLLM, which loads only adapters of method.lora without bias, modulesToSave",
  },
  {
    name: "padded ranks beside trained rows",
    wrong: {
      method: { lora: { trainableTokens: { embed_tokens: [5] } } },
      adapter: { exports: [{ name: "a", adapter: { padRanks: true } }] },
    },
    field: "spec.adapter.exports",
    message: "adapter.padRanks is for vLLM, which loads only adapters of method.lora without bias, modulesToSave",
  },
  {
    name: "an adapter of llama.cpp with trained rows",
    wrong: {
      method: { lora: { trainableTokens: { embed_tokens: [5] } } },
      adapter: { exports: [{ name: "a", ggufAdapter: {} }] },
    },
    field: "spec.adapter.exports",
    message: "ggufAdapter is for llama.cpp, which applies only adapters of method.lora on linear layers",
  },
  {
    name: "two exports of one name",
    wrong: { adapter: { exports: twice({ name: "a", merged: {} }) } },
    field: "spec.adapter.exports[1]",
  },
  {
    name: "a target module twice",
    wrong: { method: { lora: { targetModules: twice("q_proj") } } },
    field: "spec.method.lora.targetModules[1]",
  },
  {
    name: "several GPUs",
    wrong: placed({ gpusPerNode: 2 }),
    field: "spec.placement.gpusPerNode",
    message: "must be 0 or 1: this release trains on one GPU, or with 0 on CPUs",
  },
  ...Object.entries({ gpuClass: "NVIDIA-L4", gpuResourceName: "nvidia.com/mig-3g.40gb", deviceMemory: "22Gi" }).map(
    ([field, value]) => ({
      name: `${field} without a GPU`,
      wrong: placed({ [field]: value }),
      field: "spec.placement",
      message: `${field} needs gpusPerNode: 1`,
    }),
  ),
  {
    name: "a GPU that is requested twice",
    wrong: placed({ gpusPerNode: 1, extendedResources: { "nvidia.com/gpu": 1 } }),
    field: "spec.placement",
    message: "extendedResources must not contain the GPU: gpusPerNode requests it",
  },
  {
    name: "a resource of Kubernetes as a GPU",
    wrong: placed({ gpusPerNode: 1, gpuResourceName: "memory" }),
    field: "spec.placement.gpuResourceName",
    message: "must be the name of a device plugin's resource, such as nvidia.com/gpu",
  },
  ...(
    [
      ["cpu", "1", "900m"],
      ["memory", "2Gi", "1000Mi"],
      ["ephemeral-storage", "1G", "1e8"],
    ] as const
  ).map(([resource, request, limit]) => ({
    name: `a request of ${resource} above its limit`,
    wrong: placed({ resources: { requests: { [resource]: request }, limits: { [resource]: limit } } }),
    field: "spec.placement.resources",
    message: `requests.${resource} must be at most limits.${resource}`,
  })),
  {
    name: "a toleration with operator Exists and a value",
    wrong: tolerating({ key: "a", operator: "Exists", value: "b" }),
    field: "spec.placement.tolerations[0]",
    message: "operator Exists takes no value, and Equal (the default) needs a key",
  },
  {
    name: "a toleration time for an effect other than NoExecute",
    wrong: tolerating({ key: "a", value: "b", effect: "NoSchedule", tolerationSeconds: 3 }),
    field: "spec.placement.tolerations[0]",
    message: "tolerationSeconds needs effect NoExecute",
  },
  {
    name: "a pull secret twice",
    wrong: placed({ imagePullSecrets: twice({ name: "a" }) }),
    field: "imagePullSecrets[1]",
  },
  ...[
    "luthier.dev/stage",
    "app.kubernetes.io/managed-by",
    "batch.kubernetes.io/job-name",
    "job-name",
    "controller-uid",
  ].map((key) => ({
    name: `a label of pods that is not the user's: ${key}`,
    wrong: placed({ labels: { [key]: "mine" } }),
    field: "spec.placement.labels",
    message:
      "must not contain luthier.dev/*, batch.kubernetes.io/*, app.kubernetes.io/managed-by, controller-uid, job-name",
  })),
  {
    name: "an annotation of pods that is the operator's",
    wrong: placed({ annotations: { "luthier.dev/run-file": "mine" } }),
    field: "spec.placement.annotations",
    message:
      "must not contain luthier.dev/*, batch.kubernetes.io/*: the operator or the Job controller sets these annotations",
  },
  ...["labels", "annotations"].flatMap((field) =>
    ["two words", "", "/name", "Example.com/name", `a/${"b".repeat(64)}`].map((key) => ({
      name: `${field} of pods with the key "${key}"`,
      wrong: placed({ [field]: { [key]: "value" } }),
      field: `spec.placement.${field}`,
      message: "must have keys such as team or example.com/team",
    })),
  ),
  {
    name: "a label of pods with a value that Kubernetes refuses",
    wrong: placed({ labels: { team: "search and ads" } }),
    field: "spec.placement.labels.team",
  },
  ...(
    [
      [
        "a variable of the operator",
        { env: [{ name: "LUTHIER_THREADS", value: "1" }] },
        "env",
        "must not set variables that begin with LUTHIER_",
      ],
      ["a variable twice", { env: twice({ name: "A", value: "1" }) }, "env", "must set each variable once"],
      [
        "cpu as a device",
        { extendedResources: { cpu: 1 } },
        "extendedResources",
        "must have names such as example.com/device",
      ],
      [
        "a claim without a source",
        { resourceClaims: [{ name: "nic" }] },
        "resourceClaims[0]",
        "set resourceClaimName or resourceClaimTemplateName",
      ],
      ["a queue whose name is no name", { queue: { name: "Team A" } }, "queue.name", ""],
    ] as const
  ).map(([name, placement, field, message]) => ({
    name: `placement: ${name}`,
    wrong: placed(placement),
    field: `spec.placement.${field}`,
    ...(message === "" ? {} : { message }),
  })),
  ...(
    [
      ["metric without IfBetter", { metric: "ExactMatch" }, "metric", "metric needs policy: IfBetter"],
      [
        "minImprovement without IfBetter",
        { policy: "Manual", minImprovement: "0.1" },
        "minImprovement",
        "minImprovement needs policy: IfBetter",
      ],
      ["IfBetter without held-out data", { policy: "IfBetter" }, "policy", "policy: IfBetter needs held-out data"],
      [
        "a required exact match without an evaluation",
        { require: [{ metric: "ExactMatch", atLeast: "0.9" }] },
        "",
        "promotion by a metric of the evaluation needs spec.evaluation",
      ],
      [
        "a required loss without validation data",
        { require: [{ metric: "ValidationLoss", atMost: "1" }] },
        "",
        "promotion by ValidationLoss needs dataset.validation",
      ],
      [
        "an exact match with an upper bound",
        { require: [{ metric: "ExactMatch", atMost: "0.9" }] },
        "require[0]",
        "ExactMatch, TokenAccuracy, F1, RougeL, ValidJson and Pattern need atLeast; Perplexity and ValidationLoss need atMost",
      ],
      [
        "an exact match above 1",
        { require: [{ metric: "ExactMatch", atLeast: "90" }] },
        "require[0].atLeast",
        "must be",
      ],
    ] as const
  ).map(([name, promotion, field, message]) => ({
    name: `promotion: ${name}`,
    wrong: { promotion },
    field: field === "" ? "spec.promotion" : `spec.promotion.${field}`,
    message,
  })),
  ...(
    [
      [
        "Pattern without a pattern",
        { metrics: ["Pattern"] },
        ".pattern",
        "the metric Pattern needs evaluation.pattern",
      ],
      ["a pattern that no metric reads", { pattern: "^a" }, ".pattern", "pattern is only read by that metric"],
      [
        "a pattern that is no regular expression",
        { metrics: ["Pattern"], pattern: "(" },
        ".pattern",
        "must be a regular expression in the syntax of RE2",
      ],
      [
        "a pattern with look-around",
        { metrics: ["Pattern"], pattern: "(?=a)" },
        ".pattern",
        "must be a regular expression in the syntax of RE2",
      ],
      ["a metric twice", { metrics: ["F1", "F1"] }, ".metrics[1]", undefined],
      ["an unknown metric", { metrics: ["Bleu"] }, ".metrics[0]", undefined],
    ] as const
  ).map(([name, change, field, message]) => ({
    name: `evaluation: ${name}`,
    wrong: { evaluation: { ...evaluation, ...change } },
    field: `spec.evaluation${field}`,
    ...(message === undefined ? {} : { message }),
  })),
  {
    name: "promotion by a metric that is not measured",
    wrong: { evaluation, promotion: { policy: "IfBetter", metric: "Perplexity" } },
    field: "spec.promotion",
    message: "promotion by a metric of the evaluation needs spec.evaluation, with that metric among its metrics",
  },
  {
    name: "a perplexity with a lower bound",
    wrong: {
      evaluation: { ...evaluation, metrics: ["Perplexity"] },
      promotion: { require: [{ metric: "Perplexity", atLeast: "1" }] },
    },
    field: "spec.promotion.require[0]",
    message: "Perplexity and ValidationLoss need atMost",
  },
  ...(
    [
      [
        "a minute that does not exist",
        { schedule: "60 3 * * *" },
        ".schedule",
        "must be a time of cron in five fields",
      ],
      ["six fields", { schedule: "0 0 3 * * *" }, ".schedule", "must be a time of cron in five fields"],
      [
        "a time zone that is none",
        { schedule: "0 3 * * *", timeZone: "Europe Paris" },
        ".timeZone",
        "must be a time zone of the IANA database",
      ],
    ] as const
  ).map(([name, dataCheck, field, message]) => ({
    name: `dataCheck: ${name}`,
    wrong: { dataCheck },
    field: `spec.dataCheck${field}`,
    message,
  })),
  {
    name: "promotion by the validation loss without validation data",
    wrong: { evaluation, promotion: { policy: "IfBetter", metric: "ValidationLoss" } },
    field: "spec.promotion",
    message: "promotion by ValidationLoss needs dataset.validation",
  },
  {
    name: "more labels than a node selector allows",
    wrong: placed({ nodeSelector: labels }),
    field: "placement.nodeSelector",
  },
];

export const rightSpecs: readonly { name: string; right: Record<string, unknown> }[] = [
  {
    name: "labels, annotations and a scheduler of the pods",
    right: placed({
      labels: { team: "search", "example.com/Cost_center.1": "" },
      annotations: { "example.com/note": "any text: {}" },
      schedulerName: "volcano",
    }),
  },
  {
    name: "a request equal to its limit in another notation",
    right: placed({ resources: { requests: { cpu: "700m", memory: "1Gi" }, limits: { cpu: "0.7", memory: 2 ** 30 } } }),
  },
  {
    name: "a slice of a GPU",
    right: placed({
      ...{
        gpusPerNode: 1,
        gpuResourceName: "nvidia.com/mig-3g.40gb",
        deviceMemory: "38Gi",
        runtimeClassName: "nvidia",
      },
      gpuClass: "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb",
      extendedResources: { "rdma/hca": 1 },
    }),
  },
  { name: "a toleration of everything", right: tolerating({ operator: "Exists" }) },
  { name: "keep: Best with validation data", right: { dataset: validated, training: { keep: "Best" } } },
  { name: "a claim of one letter", right: { artifacts: { uri: "pvc://s" } } },
  {
    name: "dequantising a quantised base",
    right: { baseModel: quantized, adapter: { exports: [{ name: "a", merged: { base: "Dequantized" } }] } },
  },
  {
    name: "every export format",
    right: {
      adapter: {
        exports: [
          { name: "merged", merged: { dtype: "F16" } },
          { name: "gguf", gguf: { quantization: "Q8_0" } },
          { name: "peft", adapter: { dtype: "BF16", padRanks: true, baseModel: "acme/model" } },
          { name: "gguf-adapter", ggufAdapter: { dtype: "F16" } },
        ],
      },
    },
  },
  {
    name: "LoftQ's adapter after one iteration",
    right: {
      baseModel: quantized,
      method: { lora: { initialization: "LoftQ" } },
      adapter: { exports: [{ name: "a", adapter: {} }] },
    },
  },
  {
    name: "PiSSA beside an embedding that is trained whole",
    right: {
      method: {
        lora: { initialization: "PiSSA", targetModules: ["q_proj", "embed_tokens"], modulesToSave: ["embed_tokens"] },
      },
    },
  },
  {
    name: "EVA of chosen layers beside an embedding that they exclude",
    right: { method: { lora: { initialization: "EVA", targetModules: ["q_proj", "embed_tokens"], layers: [0] } } },
  },
  {
    name: "orthogonal factors whose odd rank belongs to no layer",
    right: { method: { lora: { initialization: "Orthogonal", rank: 3, rankPattern: { q_proj: 4 } } } },
  },
  {
    name: "experts that start by random numbers",
    right: {
      method: { lora: { targetParameters: ["experts.down_proj"], initialization: "Gaussian", dropout: "0.0" } },
    },
  },
  {
    name: "rows of new tokens, and an adapted head",
    right: { method: { lora: { trainableTokens: { embed_tokens: [5] }, modulesToSave: ["norm"] } } },
  },
  {
    name: "a run of AdaLoRA with one step for its ranks",
    right: { method: { adalora: { initialSteps: 6, finalSteps: 3 } }, training: { maxSteps: 10 } },
  },
  {
    name: "diff pruning that fixes its places for the last step",
    right: { method: { diffPruning: { fixedShare: "0.89" } }, training: { maxSteps: 5 } },
  },
  {
    name: "the balance of routers that train",
    right: { method: { lora: { modulesToSave: ["gate"] } }, training: { routerAuxLoss: "0.02" } },
  },
  {
    name: "the balance of the routers of a whole model",
    right: { method: { full: {} }, training: { routerAuxLoss: "0.02" } },
  },
  { name: "no balance", right: { method: { ia3: {} }, training: { routerAuxLoss: "0.0" } } },
  {
    name: "columns of earlier turns and of messages",
    right: sourced({ format: "Alpaca", columns: { history: "past", system: "s", tools: "t" } }),
  },
  {
    name: "promotion of a better Adapter that keeps two bounds",
    right: {
      ...{ dataset: validated, evaluation },
      promotion: {
        ...{ policy: "IfBetter", metric: "ExactMatch", minImprovement: "0.01" },
        require: [
          { metric: "ExactMatch", atLeast: "0.9" },
          { metric: "ValidationLoss", atMost: "2.5" },
        ],
      },
    },
  },
  {
    name: "a queue, variables, devices and claims",
    right: {
      ...placed({
        queue: { name: "team-a", priorityClass: "high" },
        env: [{ name: "NCCL_DEBUG", value: "INFO" }],
        extendedResources: { "example.com/nic": 1 },
        resourceClaims: [{ name: "nic", resourceClaimTemplateName: "nic" }],
      }),
      helpers: { queue: { name: "helpers" } },
    },
  },
  {
    name: "every metric of an evaluation, and bounds of some",
    right: {
      evaluation: {
        ...evaluation,
        metrics: ["RougeL", "ExactMatch", "TokenAccuracy", "Perplexity", "F1", "ValidJson", "Pattern"],
        maxNewTokens: 128,
        pattern: "^\\{.*\\}$",
      },
      promotion: {
        policy: "IfBetter",
        require: [
          { metric: "Perplexity", atMost: "4.5" },
          { metric: "ValidJson", atLeast: "0.99" },
          { metric: "Pattern", atLeast: "1" },
        ],
      },
    },
  },
  {
    name: "a check of the data every night",
    right: { dataCheck: { schedule: "0 3 * * *", timeZone: "Europe/Paris" } },
  },
  { name: "a check in office hours", right: { dataCheck: { schedule: "*/15 8-18 * JAN-NOV,12 MON-FRI" } } },
  { name: "promotion by a person", right: { promotion: { policy: "Manual" } } },
  {
    name: "KTO on pairs and on labels",
    right: {
      dataset: {
        ...dataset,
        sources: [
          { ...source, format: "Preference" },
          { ...source, format: "Labelled" },
        ],
      },
      ...preferring({ type: "KTO", beta: "0.2", undesirableWeight: "2" }),
    },
  },
  { name: "ORPO of a whole model", right: { method: { full: {} }, ...preferring({ type: "ORPO", lambda: "0.2" }) } },
  { name: "a column of a detected format", right: sourced({ columns: { prompt: "x" } }) },
];
