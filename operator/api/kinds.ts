/**
 * The three kinds: their schemas, the rules across fields that admission enforces, and their columns.
 */
import { accessIsRemoteIssue } from "../../trainer/contract/locations.ts";
import {
  columnsFitIssue,
  formatFields,
  quantizedIsFrozenIssue,
  readingIssue,
} from "../../trainer/contract/settings.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import { type AdapterSpec, type AdapterStatus, adapterSpec, adapterStatus } from "./adapter.ts";
import type { CrdOptions, Rule } from "./crd.ts";
import { type FineTuneJobSpec, type FineTuneJobStatus, fineTuneJobSpec, fineTuneJobStatus } from "./fineTuneJob.ts";
import { type FineTuneRunSpec, type FineTuneRunStatus, fineTuneRunSpec, fineTuneRunStatus } from "./fineTuneRun.ts";
import { group, version } from "./names.ts";

/** As the API server has them. Specs are read again through their schemas before they are believed. */
export type FineTuneJob = KubeObject & { spec: FineTuneJobSpec; status?: FineTuneJobStatus };
export type FineTuneRun = KubeObject & { spec: FineTuneRunSpec; status?: FineTuneRunStatus };
export type Adapter = KubeObject & { spec: AdapterSpec; status?: AdapterStatus };

export const fineTuneJobs: Resource<FineTuneJob> = { group, version, plural: "finetunejobs", kind: "FineTuneJob" };
export const fineTuneRuns: Resource<FineTuneRun> = { group, version, plural: "finetuneruns", kind: "FineTuneRun" };
export const adapters: Resource<Adapter> = { group, version, plural: "adapters", kind: "Adapter" };

const immutable: Rule = { rule: "self == oldSelf", message: "is immutable: it says what was done" };

const method: Rule = {
  rule: "has(self.lora) != has(self.full)",
  message: "exactly one method must be set: lora or full",
};
const validation: Rule = {
  rule: "has(self.fraction) != has(self.uri)",
  message: "exactly one of fraction and uri must be set",
};
const reading: Rule = {
  rule: "has(self.uri) || (!has(self.format) && !has(self.columns))",
  message: readingIssue().message,
};

/** Each column that is named belongs to the format that is named. */
const columnsFit: Rule = {
  rule: `!has(self.columns) || !has(self.format) || self.format == 'Auto' || (${columnTerms().join(" && ")})`,
  message: columnsFitIssue().message,
  fieldPath: ".columns",
};

function columnTerms(): string[] {
  const fields = new Set<string>(Object.values(formatFields).flat());
  return [...fields].map((field) => {
    const formats = Object.entries(formatFields).filter(([, known]) => known.some((name) => name === field));
    return `(!has(self.columns.${field}) || self.format in [${formats.map(([name]) => `'${name}'`).join(", ")}])`;
  });
}

const training: Rule = {
  rule: "!(has(self.epochs) && has(self.maxSteps))",
  message: "set epochs or maxSteps, not both",
};

const needsValidation = (has: string, field: string): Rule => ({
  rule: `!has(self.training) || !${has} || has(self.dataset.validation)`,
  message: `${field} needs dataset.validation: set dataset.validation.fraction or dataset.validation.uri`,
  fieldPath: `.training`,
});

const quantizedIsFrozen: Rule = {
  rule: "!has(self.baseModel.quantization) || !has(self.method.full)",
  message: quantizedIsFrozenIssue().message,
  fieldPath: ".baseModel.quantization",
};
const dequantized: Rule = {
  rule:
    "has(self.baseModel.quantization) || !has(self.adapter) || !has(self.adapter.exports) || " +
    "self.adapter.exports.all(e, !has(e.merged.base) || e.merged.base != 'Dequantized')",
  message: "merged.base: Dequantized needs baseModel.quantization",
  fieldPath: ".adapter.exports",
};

const accessIsRemote = (has = "true"): Rule => ({
  rule: `(!has(self.endpoint) && !has(self.secretRef)) || (${has} && (self.uri.startsWith('s3://') || self.uri.startsWith('hf://')))`,
  message: accessIsRemoteIssue().message,
});
const revisionIsOfHub: Rule = {
  rule: "!has(self.revision) || self.uri.startsWith('hf://')",
  message: "revision goes with a uri of hf://: leave it out",
  fieldPath: ".revision",
};
const compute = ["cpu", "memory", "ephemeral-storage"].map((resource): Rule => {
  const of = (list: string) => `self.${list}.${resource.replaceAll("-", "__dash__")}`;
  const absent = ["requests", "limits"].map((list) => `!has(self.${list}) || !has(${of(list)})`).join(" || ");
  const [request, limit] = ["requests", "limits"].map((list) => `quantity(string(${of(list)}))`);
  return {
    rule: `${absent} || ${request}.compareTo(${limit}) <= 0`,
    message: `requests.${resource} must be at most limits.${resource}`,
  };
});

const toleration: readonly Rule[] = [
  {
    rule: "has(self.operator) && self.operator == 'Exists' ? !has(self.value) || self.value == '' : has(self.key) && self.key != ''",
    message: "operator Exists takes no value, and Equal (the default) needs a key",
  },
  {
    rule: "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
    message: "tolerationSeconds needs effect NoExecute",
  },
];

/** What Kubernetes itself would refuse of a pod, refused where a person writes it. */
const placementRules = (at: string) => ({
  [`${at}.resources`]: compute,
  [`${at}.tolerations[]`]: toleration,
});

const settingsRules = (at: string) => ({
  [`${at}.baseModel`]: [accessIsRemote(), revisionIsOfHub],
  [`${at}.dataset.sources[]`]: [columnsFit, accessIsRemote()],
  [`${at}.evaluation.test`]: [columnsFit, accessIsRemote()],
  [`${at}.method`]: [method],
  [`${at}.dataset.validation`]: [validation, reading, columnsFit, accessIsRemote("has(self.uri)")],
  [`${at}.training`]: [training],
});

const column = (
  name: string,
  jsonPath: string,
  description: string,
  type: "string" | "integer" | "date" = "string",
) => ({
  name,
  type,
  jsonPath,
  description,
});
const wide = { priority: 1 };
const conditionColumn = (name: string, type: string) =>
  column(name, `.status.conditions[?(@.type=="${type}")].status`, `Whether the condition ${type} holds.`);
const reasonColumn = (type: string) => ({
  ...column("MESSAGE", `.status.conditions[?(@.type=="${type}")].message`, "What is going on."),
  ...wide,
});
const age = column("AGE", ".metadata.creationTimestamp", "Time since creation.", "date");

const fineTuneJobKind: CrdOptions = {
  kind: "FineTuneJob",
  plural: "finetunejobs",
  shortName: "ftj",
  description: "A fine-tuning: what to train on what. Its results are Adapters.",
  spec: fineTuneJobSpec,
  status: fineTuneJobStatus,
  columns: [
    conditionColumn("READY", "Ready"),
    column("STATE", ".status.state", "What it is doing."),
    column("STEPS", ".status.progress.steps", "Work done and to do."),
    column("LOSS", ".status.progress.loss", "Training loss."),
    column("ADAPTER", ".status.promotedAdapterRef.name", "The promoted Adapter."),
    age,
    reasonColumn("Ready"),
  ],
  rules: {
    "": [
      {
        rule: "self.metadata.name.size() <= 40",
        message: "metadata.name must be at most 40 characters: names of Jobs and Adapters are made from it",
      },
      {
        rule: "!self.metadata.name.contains('.')",
        message: "metadata.name must not contain a dot: names of Jobs and Adapters are made from it",
      },
    ],
    spec: [
      needsValidation("has(self.training.evaluation)", "training.evaluation"),
      needsValidation("has(self.training.earlyStopping)", "training.earlyStopping"),
      needsValidation("(has(self.training.keep) && self.training.keep == 'Best')", "training.keep: Best"),
      quantizedIsFrozen,
      dequantized,
    ],
    ...settingsRules("spec"),
    "spec.artifacts": [accessIsRemote()],
    ...placementRules("spec.placement"),
    ...placementRules("spec.helpers"),
    "spec.placement.gpusPerNode": [{ rule: "self == 0", message: "must be 0: this release trains on CPUs only" }],
  },
  lists: {
    "spec.adapter.exports": ["name"],
    "spec.method.lora.targetModules": "set",
    "spec.placement.imagePullSecrets": ["name"],
    "status.conditions": ["type"],
  },
};

const fineTuneRunKind: CrdOptions = {
  kind: "FineTuneRun",
  plural: "finetuneruns",
  shortName: "ftr",
  description: "One training, named by the hash of what matters to it. Made by the operator.",
  spec: fineTuneRunSpec,
  status: fineTuneRunStatus,
  columns: [
    conditionColumn("SUCCEEDED", "Succeeded"),
    column("STATE", ".status.state", "What it is doing."),
    column("STEPS", ".status.progress.steps", "Work done and to do."),
    column("LOSS", ".status.progress.loss", "Training loss."),
    age,
    reasonColumn("Succeeded"),
  ],
  rules: {
    "": [
      {
        rule: "self.metadata.name == 'run-' + self.spec.runHash.substring(0, 16)",
        message:
          "metadata.name must be run- and the first 16 digits of spec.runHash: the name keeps a run from being made twice",
      },
    ],
    spec: ["runHash", "specHash", "hashVersion", "pins", "settings", "trainerImage", "artifactRoot"].map((field) => ({
      rule: `self.${field} == oldSelf.${field}`,
      message: `${field} ${immutable.message}`,
    })),
    "spec.settings": [quantizedIsFrozen],
    ...settingsRules("spec.settings"),
  },
  lists: {
    "spec.settings.method.lora.targetModules": "set",
    "spec.execution.placement.imagePullSecrets": ["name"],
    "status.conditions": ["type"],
    "status.attempts": ["number"],
  },
};

const adapterKind: CrdOptions = {
  kind: "Adapter",
  plural: "adapters",
  shortName: "adp",
  description: "One immutable revision of a fine-tuning's result. Outlives the FineTuneJob.",
  spec: adapterSpec,
  status: adapterStatus,
  columns: [
    column("JOB", `.metadata.labels.luthier\\.dev/finetunejob`, "The FineTuneJob that made it."),
    column("REV", ".spec.revision", "Counts the Adapters of one FineTuneJob.", "integer"),
    column("EVALLOSS", ".spec.results.evalLoss", "Validation loss."),
    column("PROMOTED", `.metadata.annotations.luthier\\.dev/promoted-at`, "When it was last promoted.", "date"),
    conditionColumn("READY", "Ready"),
    { ...column("BEFORE", ".spec.results.evaluation.before", "Exact match of the base model."), ...wide },
    { ...column("AFTER", ".spec.results.evaluation.after", "Exact match with the adapter."), ...wide },
    { ...column("SOURCE", ".spec.source.uri", "Where the weights are."), ...wide },
    age,
  ],
  rules: {
    "": [
      {
        rule: "self.metadata.name.size() <= 63",
        message: "metadata.name must be at most 63 characters: it becomes a label of the export Jobs",
      },
    ],
    spec: ["revision", "format", "baseModel", "source", "provenance", "artifactRoot"]
      .map((field) => ({
        rule: `self.${field} == oldSelf.${field}`,
        message: `${field} ${immutable.message}`,
      }))
      .concat({ rule: "has(self.results) == has(oldSelf.results)", message: `results ${immutable.message}` }),
    "spec.results": [immutable],
  },
  lists: {
    "spec.exports": ["name"],
    "spec.execution.placement.imagePullSecrets": ["name"],
    "status.conditions": ["type"],
    "status.exports": ["name"],
  },
};

export const kinds: readonly CrdOptions[] = [fineTuneJobKind, fineTuneRunKind, adapterKind];
