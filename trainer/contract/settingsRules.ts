/**
 * Rules across the fields of a training's settings; zod and the API server both apply them (`rules.ts`). Each message
 * names the fix.
 */
import { declarations } from "./methods/index.ts";
import { type DataForm, formOf, type ObjectiveType, referringTypes } from "./objective.ts";
import { celList, type Rule } from "./rules.ts";

/** Fields of the context, in rows of preferences that have a conversation or an instruction before the answers. */
const contextFields = [
  ...(["conversations", "messages", "role", "content", "from", "value"] as const),
  ...(["instruction", "input", "history", "system", "tools"] as const),
] as const;

/** The row fields of each format, which `columns` may rename. */
export const formatFields = {
  Messages: ["messages", "role", "content", "system", "tools"],
  ShareGPT: ["conversations", "from", "value", "system", "tools"],
  Alpaca: ["instruction", "input", "output", "history", "system", "tools"],
  PromptCompletion: ["prompt", "completion", "role", "content", "tools"],
  Text: ["text"],
  Preference: ["prompt", "chosen", "rejected", ...contextFields],
  Labelled: ["prompt", "completion", "label", "output", ...contextFields],
} as const;

type NamedFormat = keyof typeof formatFields;

interface Reading {
  format?: "Auto" | NamedFormat | undefined;
  columns?: Record<string, string | undefined> | undefined;
}

/** `columns` may name only fields of the format. A detected format is checked when the file is read. */
export const columnsFit: Rule<Reading> = {
  cel: `!has(self.columns) || !has(self.format) || self.format == 'Auto' || (${columnTerms().join(" && ")})`,
  holds: ({ format, columns }) => {
    if (format === undefined || format === "Auto" || columns === undefined) return true;
    const fields: readonly string[] = formatFields[format];
    return Object.keys(columns).every((field) => fields.includes(field));
  },
  message: "columns names a field that this format does not have: remove it",
  fieldPath: ".columns",
};

function columnTerms(): string[] {
  const fields = new Set<string>(Object.values(formatFields).flat());
  return [...fields].map((field) => {
    const formats = Object.entries(formatFields).filter(([, known]) => known.some((name) => name === field));
    return `(!has(self.columns.${field}) || self.format in ${celList(formats.map(([name]) => name))})`;
  });
}

/** The default of maxSequenceLength, which settings.ts declares. */
export const defaultSequenceLength = 1024;

/** A row of a long text has more new tokens than repeated ones. */
export const overlapFits: Rule<{ textOverlap?: number | undefined; maxSequenceLength?: number | undefined }> = {
  cel: `!has(self.textOverlap) || 2 * self.textOverlap <= (has(self.maxSequenceLength) ? self.maxSequenceLength : ${defaultSequenceLength})`,
  holds: ({ textOverlap, maxSequenceLength = defaultSequenceLength }) =>
    textOverlap === undefined || 2 * textOverlap <= maxSequenceLength,
  message: "textOverlap must be at most half of maxSequenceLength",
  fieldPath: ".textOverlap",
};

interface Validation extends Reading {
  fraction?: string | undefined;
  uri?: string | undefined;
}

export const validationRules: readonly Rule<Validation>[] = [
  {
    cel: "has(self.fraction) != has(self.uri)",
    holds: ({ fraction, uri }) => (fraction === undefined) !== (uri === undefined),
    message: "exactly one of fraction and uri must be set",
  },
  {
    cel: "has(self.uri) || (!has(self.format) && !has(self.columns))",
    holds: ({ uri, format, columns }) => uri !== undefined || (format === undefined && columns === undefined),
    message: "format and columns describe the file at uri: set uri, or remove them",
  },
];

/** The metric Pattern and its regular expression need each other. */
export const patternFits: Rule<{ metrics: readonly string[]; pattern?: unknown }> = {
  cel: "('Pattern' in self.metrics) == has(self.pattern)",
  holds: ({ metrics, pattern }) => metrics.includes("Pattern") === (pattern !== undefined),
  message:
    "the metric Pattern needs evaluation.pattern, and pattern is only read by that metric: set both, or remove one",
  fieldPath: ".pattern",
};

export const oneLength: Rule<{ epochs?: string | undefined; maxSteps?: number | undefined }> = {
  cel: "!(has(self.epochs) && has(self.maxSteps))",
  holds: ({ epochs, maxSteps }) => epochs === undefined || maxSteps === undefined,
  message: "set epochs or maxSteps, not both",
};

interface SupervisedOnly {
  labelSmoothing?: unknown;
  routerAuxLoss?: unknown;
  objective?: { type: ObjectiveType } | undefined;
}

/** A setting of the loss of examples. */
const ofExamples = (field: "labelSmoothing" | "routerAuxLoss", message: string): Rule<SupervisedOnly> => ({
  cel: `!has(self.${field}) || !has(self.objective) || self.objective.type == 'Supervised'`,
  holds: (training) =>
    training[field] === undefined || training.objective === undefined || training.objective.type === "Supervised",
  message,
  fieldPath: `.${field}`,
});

export const smoothsExamples = ofExamples(
  "labelSmoothing",
  "labelSmoothing smooths the loss of examples and has no effect on an objective of preferences: remove it",
);
export const balancesExamples = ofExamples(
  "routerAuxLoss",
  "routerAuxLoss is a part of the loss of examples and has no effect on an objective of preferences: remove it",
);

interface Spec {
  baseModel: { quantization?: unknown };
  dataset: {
    sources: readonly Reading[];
    validation?: Reading | undefined;
    trainOn?: unknown;
    textOverlap?: unknown;
  };
  method: Readonly<Record<string, unknown>>;
  training?:
    | {
        objective?: { type: ObjectiveType } | undefined;
        evaluation?: unknown;
        earlyStopping?: unknown;
        keep?: "Best" | "Last" | undefined;
        maxSteps?: number | undefined;
        routerAuxLoss?: string | undefined;
      }
    | undefined;
}
type Training = NonNullable<Spec["training"]>;

/** Options that use the validation loss require validation data. */
function needsValidation(field: string, cel: string, asks: (training: Training) => boolean): Rule<Spec> {
  return {
    cel: `!has(self.training) || !${cel} || has(self.dataset.validation)`,
    holds: ({ training, dataset }) => training === undefined || !asks(training) || dataset.validation !== undefined,
    message: `${field} needs dataset.validation: set dataset.validation.fraction or dataset.validation.uri`,
    fieldPath: ".training",
  };
}

/** A method that cannot train on a base in NF4. */
function needsPlainBase(kind: string, message: string): Rule<Spec> {
  return {
    cel: `!has(self.baseModel.quantization) || !has(self.method.${kind})`,
    holds: ({ baseModel, method }) => baseModel.quantization === undefined || method[kind] === undefined,
    message,
    fieldPath: ".baseModel.quantization",
  };
}

/** A setting of a method that needs a base in NF4. */
const needsQuantizedBase = (kind: string, { setting, value, plainRefusal }: QuantizesFor): Rule<Spec> => ({
  cel: `has(self.baseModel.quantization) || !has(self.method.${kind}) || !has(self.method.${kind}.${setting}) || self.method.${kind}.${setting} != '${value}'`,
  holds: ({ baseModel, method }) => baseModel.quantization !== undefined || Object(method[kind])[setting] !== value,
  message: plainRefusal,
  fieldPath: ".baseModel",
});
type QuantizesFor = NonNullable<(typeof declarations)[number]["quantizesFor"]>;

const typeOf = ({ training }: Spec): ObjectiveType => training?.objective?.type ?? "Supervised";
/** CEL for the type of the objective. */
const typeCel = "(has(self.training) && has(self.training.objective) ? self.training.objective.type : 'Supervised')";

/** The formats whose rows hold what an objective learns from. */
const formatsOf: Readonly<Record<DataForm, readonly NamedFormat[]>> = {
  Examples: ["Messages", "ShareGPT", "Alpaca", "PromptCompletion", "Text"],
  Pairs: ["Preference"],
  Labelled: ["Preference", "Labelled"],
};

function formatFits(type: ObjectiveType): Rule<Spec> {
  const formats: readonly string[] = ["Auto", ...formatsOf[formOf[type]]];
  const fits = ({ format }: Reading) => format === undefined || formats.includes(format);
  const cel = (file: string) => `(!has(${file}.format) || ${file}.format in ${celList(formats)})`;
  return {
    cel: `${typeCel} != '${type}' || (self.dataset.sources.all(s, ${cel("s")}) && (!has(self.dataset.validation) || ${cel("self.dataset.validation")}))`,
    holds: (spec) => {
      const { sources, validation } = spec.dataset;
      return typeOf(spec) !== type || [...sources, ...(validation ? [validation] : [])].every(fits);
    },
    message: `training.objective ${type} learns from data of the format ${formats.slice(1).join(" or ")}: change the format, or the objective`,
    fieldPath: ".dataset",
  };
}

/** Settings of the data that only a supervised training reads. */
function supervisedOnly(field: "trainOn" | "textOverlap", why: string): Rule<Spec> {
  return {
    cel: `!has(self.dataset.${field}) || ${typeCel} == 'Supervised'`,
    holds: (spec) => spec.dataset[field] === undefined || typeOf(spec) === "Supervised",
    message: `dataset.${field} has no effect on a training.objective of preferences, ${why}: remove it`,
    fieldPath: `.dataset.${field}`,
  };
}

/** Why an objective that compares with the base cannot train a method whose result is a model. */
export const referenceRefusal = (kind: string): string =>
  `training.objective ${referringTypes.join(" and ")} compare with the base, of which method.${kind} trains the weights themselves: use ORPO, or a method that trains an adapter`;

function keepsBase(kind: string): Rule<Spec> {
  return {
    cel: `!has(self.method.${kind}) || !(${typeCel} in ${celList(referringTypes)})`,
    holds: (spec) => spec.method[kind] === undefined || !referringTypes.some((type) => type === typeOf(spec)),
    message: referenceRefusal(kind),
    fieldPath: ".training.objective",
  };
}

/** A method that trains on examples alone. */
function needsSupervised(kind: string, message: string): Rule<Spec> {
  return {
    cel: `!has(self.method.${kind}) || ${typeCel} == 'Supervised'`,
    holds: (spec) => spec.method[kind] === undefined || typeOf(spec) === "Supervised",
    message,
    fieldPath: ".training.objective",
  };
}

/** The methods that can train a mixture's router, which its balance needs. */
const balancesTrainedRouter: Rule<Spec> = {
  cel: `!has(self.training) || !has(self.training.routerAuxLoss) || double(self.training.routerAuxLoss) == 0.0 || ${routerTerms().join(" || ")}`,
  holds: ({ training, method }) =>
    Number(training?.routerAuxLoss ?? 0) === 0 ||
    declarations.some(({ kind, trainsRouterBy }) => {
      const settings = method[kind];
      if (settings === undefined || trainsRouterBy === undefined) return false;
      return trainsRouterBy.length === 0 || trainsRouterBy.some((name) => Object(settings)[name] !== undefined);
    }),
  message:
    "training.routerAuxLoss balances the router, which this method leaves frozen: train it by its name in method.lora.modulesToSave or by method.full, or remove the setting",
  fieldPath: ".training.routerAuxLoss",
};

function routerTerms(): string[] {
  return declarations.flatMap(({ kind, trainsRouterBy }) => {
    if (trainsRouterBy === undefined) return [];
    const named = trainsRouterBy.map((name) => `has(self.method.${kind}.${name})`).join(" || ");
    return [`(has(self.method.${kind})${named === "" ? "" : ` && (${named})`})`];
  });
}

/** The rules of `trainingSpec`, and of every type that has its members. */
export const specRules: readonly Rule<Spec>[] = [
  needsValidation("training.evaluation", "has(self.training.evaluation)", ({ evaluation }) => evaluation !== undefined),
  needsValidation(
    "training.earlyStopping",
    "has(self.training.earlyStopping)",
    ({ earlyStopping }) => earlyStopping !== undefined,
  ),
  needsValidation(
    "training.keep: Best",
    "(has(self.training.keep) && self.training.keep == 'Best')",
    ({ keep }) => keep === "Best",
  ),
  ...(Object.keys(formOf) as ObjectiveType[]).map(formatFits),
  balancesTrainedRouter,
  supervisedOnly("trainOn", "which learn the chosen and the rejected answers"),
  supervisedOnly("textOverlap", "whose data hold no long texts"),
  ...declarations.flatMap(({ kind, result }) => (result === "Model" ? [keepsBase(kind)] : [])),
  ...declarations.flatMap(({ kind, preferenceRefusal }) =>
    preferenceRefusal === undefined ? [] : [needsSupervised(kind, preferenceRefusal)],
  ),
  ...declarations.flatMap(({ kind, nf4Refusal }) =>
    nf4Refusal === undefined ? [] : [needsPlainBase(kind, nf4Refusal)],
  ),
  ...declarations.flatMap(({ kind, quantizesFor }) =>
    quantizesFor === undefined ? [] : [needsQuantizedBase(kind, quantizesFor)],
  ),
  ...declarations.flatMap(({ specRules: own = [] }) => own),
];
