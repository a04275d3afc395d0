/**
 * Runs each method through the stages: training on bases of each storage, reading PEFT's layout, exporting merged and by
 * itself, or refusing that, chat.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrainingSpec } from "../contract/settings.ts";
import { Chat } from "../generation/chat.ts";
import { runExport } from "../stages/export.ts";
import { runTrain } from "../stages/train.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";

interface Row {
  readonly name: string;
  readonly method: TrainingSpec["method"];
  /** Instead of `method`. */
  readonly mixes?: TinyOptions["mixes"];
  readonly learningRate: string;
  readonly shape?: TinyOptions["shape"];
  /** Why a base in NF4 is not trained so. */
  readonly nf4Refusal?: RegExp;
  /** Why a base that is not quantised is not trained so, and why the adapter is not applied to one. */
  readonly plainRefusal?: { readonly training: RegExp; readonly merging: RegExp; readonly chat: RegExp };
  /** Why it cannot be merged. */
  readonly refusal?: RegExp;
  /** Why PEFT has no such adapter. */
  readonly peftRefusal?: RegExp;
  /** The method as which PEFT's layout is read; default the same. */
  readonly readAs?: string;
}

const methods: readonly Row[] = [
  {
    name: "LoRA with biases and whole modules",
    method: { lora: { rank: 4, bias: "All", modulesToSave: ["norm", "embed_tokens"], ensureWeightTying: true } },
    learningRate: "1e-2",
    shape: { family: "qwen2" },
  },
  {
    name: "LoRA on the embedding",
    method: { lora: { rank: 4, targetModules: ["all-linear", "embed_tokens"] } },
    learningRate: "1e-2",
    shape: { tied: false },
  },
  {
    name: "LoRA with trained rows of tokens",
    method: { lora: { rank: 4, trainableTokens: { embed_tokens: [256, 110], lm_head: [257] } } },
    learningRate: "1e-2",
    shape: { tied: false },
  },
  {
    name: "PiSSA",
    method: { lora: { rank: 4, initialization: "PiSSA" } },
    learningRate: "1e-2",
    nf4Refusal: /initialization PiSSA and OLoRA subtract a part from the base's matrices/,
  },
  {
    name: "OLoRA on some layers, with LoRA+",
    method: {
      lora: { rank: 4, initialization: "OLoRA", layers: [1], rankPattern: { q_proj: 2 }, learningRateRatio: "4" },
    },
    learningRate: "1e-2",
    nf4Refusal: /initialization PiSSA and OLoRA subtract a part from the base's matrices/,
  },
  {
    name: "LoftQ",
    method: { lora: { rank: 4, initialization: "LoftQ", loftqIterations: 2 } },
    learningRate: "1e-2",
    peftRefusal: /export alone: .*loftqIterations above 1 makes a quantised base that other programs do not have/,
    plainRefusal: {
      training: /LoftQ replaces what quantising a base in NF4 loses: set baseModel\.quantization/,
      merging: /export merged: .*LoftQ .* added to the original twice: set base: Dequantized in that export/,
      chat: /belongs to the base that was quantised for it: chat with luthier chat --adapter/,
    },
  },
  { name: "EVA", method: { lora: { rank: 4, initialization: "EVA" } }, learningRate: "1e-2" },
  { name: "DoRA", method: { dora: { rank: 4 } }, learningRate: "1e-2" },
  {
    name: "AdaLoRA",
    method: { adalora: { initialRank: 4, targetRank: 2, everySteps: 2, finalSteps: 3, dropout: "0.1" } },
    learningRate: "1e-1",
  },
  { name: "LoHa", method: { loha: { rank: 4 } }, learningRate: "5e-2" },
  { name: "LoKr", method: { lokr: { rank: 2, decomposeBoth: true } }, learningRate: "5e-2" },
  { name: "KronA", method: { krona: {} }, learningRate: "5e-2", readAs: "lokr" },
  { name: "(IA)³", method: { ia3: {} }, learningRate: "2e-1" },
  {
    name: "Houlsby's adapters",
    method: { bottleneck: { design: "Houlsby", reductionFactor: "4", dropout: "0.1" } },
    learningRate: "3e-2",
    refusal: /export merged: method\.bottleneck .* cannot hold: leave merged and gguf exports out/,
    peftRefusal: /export alone: method\.bottleneck leaves an adapter in AdapterHub's layout/,
  },
  ...(["Pfeiffer", "Parallel"] as const).map((design) => ({
    name: `${design} adapters`,
    method: { bottleneck: { design, reductionFactor: "4" } },
    learningRate: "3e-2",
    refusal: /export merged: method\.bottleneck .* cannot hold: leave merged and gguf exports out/,
    peftRefusal: /export alone: method\.bottleneck leaves an adapter in AdapterHub's layout/,
  })),
  {
    name: "X-LoRA",
    method: { xlora: { adapters: [] } },
    mixes: { layerwise: true, classifierDepth: 2, classifierWidth: 16, topK: 1 },
    learningRate: "3e-2",
    refusal: /export merged: method\.xlora .* cannot hold: leave merged and gguf exports out/,
  },
  {
    name: "BitFit",
    method: { bitfit: {} },
    learningRate: "3e-1",
    shape: { family: "qwen2" },
    peftRefusal: /export alone: method\.bitfit trains biases alone, .* set method\.lora with bias: All/,
  },
  {
    name: "FISH Mask",
    method: { fishMask: { density: "0.05", samples: 8 } },
    learningRate: "3e-2",
    peftRefusal: /export alone: method\.fishMask changes single weights, .* export merged/,
    nf4Refusal: /method\.fishMask chooses among the base's own weights .* remove quantization, or set method\.lora/,
  },
  {
    name: "diff pruning",
    method: { diffPruning: { density: "0.05", learningRateRatio: "10" } },
    learningRate: "3e-2",
    peftRefusal: /export alone: method\.diffPruning changes single weights, .* export merged/,
  },
  {
    name: "intrinsic SAID",
    method: { intrinsicDimension: { dimension: 3000, projectionSeed: 7 } },
    learningRate: "2e-1",
    peftRefusal: /export alone: method\.intrinsicDimension projects one vector .* export merged/,
  },
  {
    name: "prompt tuning",
    method: { promptTuning: { virtualTokens: 5, initialText: "odd or even?" } },
    learningRate: "1e-1",
    refusal: /export merged: method\.promptTuning .* cannot hold: leave merged and gguf exports out/,
  },
  {
    name: "P-tuning",
    method: { pTuning: { virtualTokens: 5 } },
    learningRate: "3e-2",
    refusal: /export merged: method\.pTuning .* cannot hold: leave merged and gguf exports out/,
    readAs: "promptTuning",
  },
  {
    name: "P-tuning with an LSTM",
    method: { pTuning: { virtualTokens: 5, encoder: "LSTM" } },
    learningRate: "3e-2",
    refusal: /export merged: method\.pTuning .* cannot hold: leave merged and gguf exports out/,
    readAs: "promptTuning",
  },
  {
    name: "prefix tuning",
    method: { prefixTuning: { virtualTokens: 5 } },
    learningRate: "1e-1",
    refusal: /export merged: method\.prefixTuning .* cannot hold: leave merged and gguf exports out/,
  },
];

const bases = {
  F32: { shape: { dtype: "F32", contextLength: 128 } },
  BF16: { shape: { dtype: "BF16", contextLength: 128 } },
  NF4: { shape: { dtype: "BF16", contextLength: 128 }, quantization: { type: "NF4" } },
} as const;

for (const row of methods) {
  const { name, method, mixes, learningRate, shape, refusal, peftRefusal, nf4Refusal, plainRefusal, readAs } = row;
  for (const [storage, base] of Object.entries(bases)) {
    const trainingRefusal = storage === "NF4" ? nf4Refusal : plainRefusal?.training;
    const outcome = trainingRefusal ? "is refused" : `learns, and is ${refusal ? "not merged" : "merged"}`;
    test(`${name} on a base in ${storage} ${outcome}`, async (t) => {
      const made = { ...base, shape: { ...base.shape, ...shape }, ...(mixes ? { mixes } : { method }) };
      const tiny = await TinyTraining.make(t, { ...made, training: { maxSteps: 12, learningRate } });
      const training = tiny.trainFile().then((file) => runTrain(file, tiny.context()));
      // Prepare refuses it, by the base's headers.
      if (trainingRefusal) return await assert.rejects(training, trainingRefusal);
      const { figures } = await training;
      // A guess among 259 tokens costs 5.56.
      assert.ok(figures.loss < 5.3, `the loss is ${figures.loss}`);
      const { stores } = tiny.context();
      const adapter = await readPeftAdapter(stores, `file://${await tiny.runPath()}/adapter`);
      assert.deepEqual(adapter?.settings.kind, readAs ?? Object.keys(method)[0]);

      const merged = { dtype: "F32", ...(storage === "NF4" && { base: "Dequantized" as const }) } as const;
      const exporting = runExport(await tiny.exportFile(figures.adapterDigest, merged), tiny.context());
      if (refusal) await assert.rejects(exporting, refusal);
      else assert.ok((await exporting).figures.klDivergence < 1e-6);

      if (storage === "BF16" || plainRefusal) {
        const entry = { name: "alone", adapter: { dtype: "BF16" } } as const;
        const alone = runExport(await tiny.exportFileOf(figures.adapterDigest, entry), tiny.context());
        if (peftRefusal) await assert.rejects(alone, peftRefusal);
        else assert.ok((await alone).figures.klDivergence < 1e-3);
      }

      const model = await StoredModel.inDirectory(stores, `file://${tiny.directory}/base`);
      if (plainRefusal) {
        const intoOriginal = await tiny.exportFile(figures.adapterDigest, {});
        await assert.rejects(
          runExport({ ...intoOriginal, destination: `file://${tiny.directory}/b` }, tiny.context()),
          plainRefusal.merging,
        );
        return await assert.rejects(Chat.open({ model, adapter: adapter!, threads: 1 }), plainRefusal.chat);
      }
      const chat = await Chat.open({ model, adapter: adapter!, threads: 1 });
      const options = { maxNewTokens: 2, temperature: 0, seed: 1, signal: new AbortController().signal };
      for await (const piece of chat.answer([{ role: "user", content: "odd 1" }], options))
        assert.equal(typeof piece, "string");
      chat.close();
    });
  }
}
