/**
 * FineTuneJob: the user's request. Its spec holds the contract's settings, the placement, the resources and the limits.
 * The operator writes no default into a spec: defaults are documented here, applied on reading, visible in the FineTuneRun.
 */
import { z } from "zod";
import { type ExportEntry, exportList } from "../../trainer/contract/exports.ts";
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
import { jobLifeTable } from "./jobLife.ts";
import { promotion, promotionRules } from "./promotion.ts";

interface Exported {
  baseModel: { quantization?: unknown };
  method: Readonly<Record<string, unknown>>;
  adapter?: { exports?: readonly ExportEntry[] | undefined } | undefined;
}

const dequantizedWasQuantized: Rule<Exported> = {
  cel:
    "has(self.baseModel.quantization) || !has(self.adapter) || !has(self.adapter.exports) || " +
    "self.adapter.exports.all(e, !has(e.merged.base) || e.merged.base != 'Dequantized')",
  holds: ({ baseModel, adapter }) =>
    baseModel.quantization !== undefined ||
    (adapter?.exports ?? []).every(({ merged }) => merged.base !== "Dequantized"),
  message: "merged.base: Dequantized needs baseModel.quantization",
  fieldPath: ".adapter.exports",
};

/** A method whose result cannot be merged into the weights of the base. */
const mergeable: readonly Rule<Exported>[] = declarations.flatMap(({ kind, mergeRefusal }) =>
  mergeRefusal === undefined
    ? []
    : [
        {
          cel: `!has(self.method.${kind}) || !has(self.adapter) || !has(self.adapter.exports) || size(self.adapter.exports) == 0`,
          holds: ({ method, adapter }) => method[kind] === undefined || (adapter?.exports ?? []).length === 0,
          message: mergeRefusal,
          fieldPath: ".adapter.exports",
        },
      ],
);

/** A setting of a method whose adapter belongs to the quantised base alone. */
const mergedIntoQuantized: readonly Rule<Exported>[] = declarations.flatMap(({ kind, quantizesFor: how }) => {
  if (how === undefined) return [];
  const field = `self.method.${kind}`;
  return [
    {
      cel:
        `!has(${field}) || !has(${field}.${how.setting}) || ${field}.${how.setting} != '${how.value}' || ` +
        "!has(self.adapter) || !has(self.adapter.exports) || " +
        "self.adapter.exports.all(e, has(e.merged.base) && e.merged.base == 'Dequantized')",
      holds: ({ method, adapter }) =>
        Object(method[kind])[how.setting] !== how.value ||
        (adapter?.exports ?? []).every(({ merged }) => merged.base === "Dequantized"),
      message: how.originalRefusal,
      fieldPath: ".adapter.exports",
    },
  ];
});

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
    suspend: z.boolean().optional().meta({
      description:
        "Write a checkpoint, stop, and release the resources; false resumes from the checkpoint. Default false.",
    }),
    ...writtenShape(jobLifeTable),
  }),
  ...specRules,
  dequantizedWasQuantized,
  ...mergeable,
  ...mergedIntoQuantized,
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
    .meta({ description: "Source of availableBytes: a field, a LimitRange, or the largest node." }),
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
  checkedAt: time.optional().meta({ description: "When the inputs were last read." }),
});
export type FineTuneJobStatus = z.infer<typeof fineTuneJobStatus>;
