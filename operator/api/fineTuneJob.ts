/**
 * FineTuneJob: the user's request. Its spec holds the contract's settings, the placement, the resources and the limits.
 * The operator writes no default into a spec: defaults are documented here, applied on reading, visible in the FineTuneRun.
 */
import { z } from "zod";
import {
  type ExportEntry,
  type ExportKind,
  exportList,
  ggufAdapterRefusal,
  mergingKinds,
  paddingRefusal,
} from "../../trainer/contract/exports.ts";
import { access, accessIsRemote, artifactsUri } from "../../trainer/contract/locations.ts";
import { declarations } from "../../trainer/contract/methods/index.ts";
import { modelConfig } from "../../trainer/contract/model.ts";
import { prepareFigures } from "../../trainer/contract/report.ts";
import { type Rule, ruled } from "../../trainer/contract/rules.ts";
import { writtenShape } from "../../trainer/contract/setting.ts";
import { trainingSpec } from "../../trainer/contract/settings.ts";
import { specRules } from "../../trainer/contract/settingsRules.ts";
import {
  count,
  digest,
  figure,
  hash64,
  helperMemoryLimit,
  helpers,
  longest,
  lostReports,
  placement,
  progress,
  statusCommon,
  text,
  time,
} from "./common.ts";
import { dataCheck, dataCheckStatus } from "./dataCheck.ts";
import { jobLifeTable } from "./jobLife.ts";
import { promotion, promotionRules } from "./promotion.ts";

interface Exported {
  baseModel: { quantization?: unknown };
  method: Readonly<Record<string, unknown>>;
  adapter?: { exports?: readonly ExportEntry[] | undefined } | undefined;
}

/** A rule for every export of a job; `cel` and `holds` are of one entry. */
const everyExport = (
  rule: { cel: string; message: string },
  holds: (entry: ExportEntry, job: Exported) => boolean,
): Rule<Exported> => ({
  ...rule,
  holds: (job) => (job.adapter?.exports ?? []).every((entry) => holds(entry, job)),
  cel: `!has(self.adapter) || !has(self.adapter.exports) || self.adapter.exports.all(e, ${rule.cel})`,
  fieldPath: ".adapter.exports",
});

const dequantized = (entry: ExportEntry) => mergingKinds.some((kind) => entry[kind]?.base === "Dequantized");
const isDequantized = (kind: string) => `has(e.${kind}) && has(e.${kind}.base) && e.${kind}.base == 'Dequantized'`;
const anyOf = (terms: readonly string[]) => terms.map((term) => `(${term})`).join(" || ");

const dequantizedWasQuantized = everyExport(
  {
    cel: `has(self.baseModel.quantization) || !(${anyOf(mergingKinds.map(isDequantized))})`,
    message: "base: Dequantized needs baseModel.quantization",
  },
  (entry, { baseModel }) => baseModel.quantization !== undefined || !dequantized(entry),
);

/** Methods whose results cannot be merged into the weights of the base, or have no form in PEFT. */
const methodsFit: readonly Rule<Exported>[] = declarations.flatMap(({ kind, mergeRefusal, peftRefusal }) => {
  const without = (formats: readonly ExportKind[], message: string | undefined) =>
    message === undefined
      ? []
      : [
          everyExport(
            { cel: `!has(self.method.${kind}) || !(${anyOf(formats.map((one) => `has(e.${one})`))})`, message },
            (entry, { method }) => method[kind] === undefined || formats.every((format) => entry[format] === undefined),
          ),
        ];
  return [...without(mergingKinds, mergeRefusal), ...without(["adapter"], peftRefusal)];
});

const isAdapter = (entry: ExportEntry) => entry.adapter !== undefined || entry.ggufAdapter !== undefined;

/** A setting of a method whose adapter belongs to the quantised base alone. */
const quantizedBaseFits: readonly Rule<Exported>[] = declarations.flatMap(({ kind, quantizesFor: how }) => {
  if (how === undefined) return [];
  const { setting, value, ownBase } = how;
  const field = `self.method.${kind}`;
  return [
    everyExport(
      {
        cel:
          `!has(${field}) || !has(${field}.${setting}) || ${field}.${setting} != '${value}' || ` +
          anyOf(["has(e.adapter)", "has(e.ggufAdapter)", ...mergingKinds.map(isDequantized)]),
        message: how.originalRefusal,
      },
      (entry, { method }) => Object(method[kind])[setting] !== value || isAdapter(entry) || dequantized(entry),
    ),
    everyExport(
      {
        cel:
          `!(has(e.adapter) || has(e.ggufAdapter)) || !has(${field}) || !has(${field}.${ownBase.setting}) || ` +
          `${field}.${ownBase.setting} <= ${ownBase.above}`,
        message: ownBase.peftRefusal,
      },
      (entry, { method }) => !isAdapter(entry) || !(Object(method[kind])[ownBase.setting] > ownBase.above),
    ),
  ];
});

/** Settings of LoRA that add more than matrices of linear layers, which neither vLLM nor llama.cpp applies. */
const beyondMatrices = ["modulesToSave", "trainableTokens"] as const;

/** In CEL: the method is LoRA, and its adapter has only matrices of linear layers. `isPlainLora` is the same. */
const plainLora =
  `(has(self.method.lora) && ${beyondMatrices.map((name) => `!has(self.method.lora.${name})`).join(" && ")} && ` +
  "(!has(self.method.lora.bias) || self.method.lora.bias == 'None'))";

function isPlainLora({ method: { lora } }: Pick<Exported, "method">): boolean {
  const settings: Readonly<Record<string, unknown>> = Object(lora);
  return (
    lora !== undefined &&
    (settings.bias ?? "None") === "None" &&
    beyondMatrices.every((name) => settings[name] === undefined)
  );
}

const ggufAdapterFits = everyExport(
  { cel: `!has(e.ggufAdapter) || ${plainLora}`, message: ggufAdapterRefusal },
  (entry, job) => entry.ggufAdapter === undefined || isPlainLora(job),
);

const paddingFits = everyExport(
  {
    cel: `!has(e.adapter) || !has(e.adapter.padRanks) || !e.adapter.padRanks || ${plainLora}`,
    message: paddingRefusal,
  },
  ({ adapter }, job) => adapter?.padRanks !== true || isPlainLora(job),
);

export const fineTuneJobSpec = ruled(
  z.strictObject({
    ...trainingSpec.shape,
    placement,
    helpers: helpers.optional(),
    artifacts: ruled(
      z.strictObject({
        uri: artifactsUri.meta({
          description:
            "The store for all results: pvc://CLAIM/PATH or s3://BUCKET/PATH. Each namespace has its own directory below it.",
        }),
        ...access,
      }),
      accessIsRemote,
    ).meta({ description: "Store of checkpoints, adapters and exports." }),
    adapter: z
      .strictObject({ exports: exportList.optional() })
      .optional()
      .meta({ description: "Exports of the Adapter. Changing them starts no training." }),
    promotion: promotion.optional().meta({
      description: "Which Adapter is promoted. Default: that of the spec's settings, as soon as it is trained.",
    }),
    dataCheck: dataCheck.optional().meta({
      description:
        "Look on schedule whether the files of the data or of the test set moved; if they did, read them again and train on them. Not while a run trains, spec.suspend is true or promotion.adapterRef is set. Default: never.",
    }),
    suspend: z.boolean().optional().meta({
      description:
        "Write a checkpoint, stop, and release the resources; false resumes from the checkpoint. Default false.",
    }),
    ...writtenShape(jobLifeTable),
  }),
  ...specRules,
  dequantizedWasQuantized,
  ...methodsFit,
  ...quantizedBaseFits,
  paddingFits,
  ggufAdapterFits,
  ...promotionRules,
).meta({ description: "The model, the data and the settings of the fine-tuning." });
export type FineTuneJobSpec = z.infer<typeof fineTuneJobSpec>;

const modelFacts = z.object({
  ...modelConfig.shape,
  ropeTheta: figure,
  rmsNormEps: figure,
});

/** Facts that prepare found, enough to plan other settings on the same inputs without another pod. */
export const inputs = z.object({
  model: modelFacts,
  baseDataType: prepareFigures.shape.baseDataType,
  baseBytes: count,
  quantized: prepareFigures.shape.quantized,
  ggufRefusal: prepareFigures.shape.ggufRefusal,
  dataset: prepareFigures.shape.dataset,
});
export type Inputs = z.infer<typeof inputs>;

export const pinsStatus = z.object({
  prepareKey: hash64,
  baseRevision: text(128),
  baseDigest: digest,
  datasetDigest: digest,
  evaluationSetDigest: digest.optional(),
  validationDigest: digest.optional(),
});

/** Pins of a FineTuneJob, with the store that the inputs were staged in. */
const stagedPins = pinsStatus.extend({
  store: text(1800).optional().meta({ description: "The artifact store that the inputs were staged in." }),
});

const planStatus = z.object({
  key: hash64.meta({ description: "Hash of the planned settings, inputs and limits." }),
  trainableParameters: count,
  totalParameters: count,
  predictedPeakBytes: count,
  checkpointBytes: count.optional(),
  stagedBytes: count.optional(),
  availableBytes: count.optional(),
  availableFrom: text(320)
    .optional()
    .meta({ description: "Source of availableBytes: a field, a LimitRange, the largest node, or the nodes' GPUs." }),
  device: text(63)
    .optional()
    .meta({ description: "Product of the GPU that is planned for, or GPU if it is unknown; absent: a CPU." }),
  microRows: count,
  recomputedBlocks: count,
  steps: count,
  fits: z.boolean(),
  nearestFit: text(512).optional().meta({ description: "The nearest settings that fit." }),
});
export type PlanStatus = z.infer<typeof planStatus>;

const prepareStatus = z.object({
  key: hash64,
  requestedAt: text(64).optional(),
  jobName: text(63),
  outcome: z.enum(["Running", "Succeeded", "Failed"]),
  reason: text(longest.reason).optional(),
  message: text(longest.longMessage).optional(),
  memoryLimit: helperMemoryLimit,
  lostReports: lostReports.optional(),
});
export type PrepareStatus = z.infer<typeof prepareStatus>;

export const fineTuneJobStatus = z.object({
  ...statusCommon,
  state: text(32).optional().meta({ description: "The state in one word." }),
  prepare: prepareStatus.optional(),
  pins: stagedPins.optional().meta({ description: "Digests that fix the content of the inputs." }),
  inputs: inputs.optional(),
  plan: planStatus.optional(),
  currentRunRef: z
    .object({
      name: text(63),
      uid: text(64),
      adapterName: text(63).optional().meta({ description: "The Adapter that was created from this run." }),
    })
    .optional(),
  promotedAdapterRef: z.object({ name: text(63) }).optional(),
  progress: progress.optional(),
  handledRequest: text(64)
    .optional()
    .meta({ description: "The last value of luthier.dev/requested-at that the operator has handled." }),
  dataCheck: dataCheckStatus.optional().meta({ description: "The last scheduled look at the data." }),
  checkedAt: time.optional().meta({ description: "When the inputs were last read." }),
});
export type FineTuneJobStatus = z.infer<typeof fineTuneJobStatus>;
