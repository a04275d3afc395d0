/** The goldens of `data/` as typed values; README.md describes each file. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { methodSettings } from "../../trainer/contract/methods/index.ts";
import type { PreferenceObjective } from "../../trainer/contract/objective.ts";
import { elementBytes, parseHeader, type TensorEntry } from "../../trainer/formats/safetensors.ts";
import { methodOf } from "../../trainer/methods/index.ts";
import type { PeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { packRowsOf, type RowOfSequences } from "./rows.ts";

export const goldenPath = (name: string) => fileURLToPath(new URL(`./data/${name}`, import.meta.url));

const json = <T>(name: string, schema: z.ZodType<T>): T =>
  schema.parse(JSON.parse(readFileSync(goldenPath(name), "utf8")));

const curves = z.strictObject({
  losses: z.array(z.number()),
  learningRates: z.array(z.number()),
  gradNorms: z.array(z.number()),
  fieldUpdate: z.number(),
});

const objectiveSettings: z.ZodType<PreferenceObjective> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("DPO"), beta: z.number() }),
  z.strictObject({ type: z.literal("ORPO"), lambda: z.number() }),
  z.strictObject({
    type: z.literal("KTO"),
    beta: z.number(),
    desirableWeight: z.number(),
    undesirableWeight: z.number(),
  }),
]);

const caseFile = z.strictObject({
  settings: z.strictObject({
    base: z.string(),
    nf4: z.enum(["plain", "double"]).nullable(),
    method: methodSettings,
    objective: objectiveSettings.optional(),
    schedule: z.enum(["Linear", "Cosine"]),
    steps: z.number(),
    warmupSteps: z.number(),
    learningRate: z.number(),
    maxGradNorm: z.number(),
    weightDecay: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    labelSmoothing: z.number().default(0),
    routerAuxLoss: z.number().default(0),
  }),
  loss: z.number(),
  /** Present for preferences. */
  rewards: z.strictObject({ accuracy: z.number().nullable(), margin: z.number() }).optional(),
  field: z.strictObject({ logits: z.number(), loss: z.number(), gradient: z.number() }),
  training: z.partialRecord(z.enum(["1e-5", "1e-8"]), curves),
});

export type Epsilon = "1e-5" | "1e-8";

export interface GoldenCase extends z.infer<typeof caseFile> {
  name: string;
  tensors: Tensors;
  /** The adapters that its adapter brings. Default: those of the directories that the method names. */
  given?: readonly PeftAdapter[] | undefined;
}

export const readCase = (name: string): GoldenCase => ({
  name,
  ...json(`${name}.json`, caseFile),
  tensors: new Tensors(`${name}.safetensors`),
});

const familyFile = z.record(z.string(), z.strictObject({ loss: z.number(), field: caseFile.shape.field }));

/** The families' first steps of full fine-tuning, as cases without a training. */
export const readFamilies = (): GoldenCase[] => firstSteps("families.json", "family", 0);

/** Those of mixtures, with the loss that balances their routers. */
export const readBalanced = (): GoldenCase[] => firstSteps("balanced.json", "balanced", 0.5);

function firstSteps(file: string, prefix: string, routerAuxLoss: number): GoldenCase[] {
  return Object.entries(json(file, familyFile)).map(([name, results]) => ({
    name,
    settings: {
      base: `family-${name}`,
      nf4: null,
      method: { kind: "full" },
      schedule: "Linear",
      steps: 1,
      warmupSteps: 0,
      learningRate: 1e-3,
      maxGradNorm: 1,
      weightDecay: 0,
      betas: [0.9, 0.999],
      labelSmoothing: 0,
      routerAuxLoss,
    },
    ...results,
    training: {},
    tensors: new Tensors(`${prefix}-${name}.safetensors`),
  }));
}

/** The golden's tensors under a prefix by our names: as if PEFT had saved them. */
export function ourTensors({ settings, tensors }: GoldenCase, prefix: string): ReadonlyMap<string, Float32Array> {
  const stored = tensors.names(prefix).map((name) => {
    const { shape } = tensors.entry(prefix + name);
    return { name, shape, values: Float32Array.from(tensors.values(prefix + name)) };
  });
  // The encoder of P-tuning is in no file of PEFT.
  if (settings.method.kind === "pTuning") {
    const own = (name: string) =>
      `model.embed_tokens.${name.replace("prompt_encoder.", "").replace(/^prompt_embeddings$/, "embedding")}`;
    const named = stored.map((one) => ({ ...one, name: own(one.name) }));
    const isSplit = settings.method.encoder === "LSTM";
    return new Map(named.flatMap((one) => (isSplit ? directionsOf(one) : [[one.name, one.values]])));
  }
  // No method of PEFT: the names are the base's own.
  if (["bitfit", "fishMask", "diffPruning", "intrinsicDimension"].includes(settings.method.kind))
    return new Map(stored.map(({ name, values }) => [name, values]));
  if (stored.length === 0) return new Map();
  const { peft } = methodOf(settings.method);
  const config = { num_layers: 2, token_dim: (stored[0]?.shape[1] ?? 0) / 4 };
  return new Map((peft ? peft.fromPeft(stored, config) : stored).map(({ name, values }) => [name, values]));
}

/** Our P-tuning has a matrix for each direction of the LSTM below it; PyTorch has both beside each other. */
function directionsOf({ name, shape, values }: { name: string; shape: readonly number[]; values: Float32Array }) {
  const [rows = 0, width = 0] = shape;
  if (!/weight_ih_l1|mlp_head\.0\.weight/.test(name)) return [[name, values] as const];
  return ["forward", "backward"].map((half, index) => {
    const part = new Float32Array((rows * width) / 2);
    for (let row = 0; row < rows; row++) {
      const start = row * width + (index * width) / 2;
      part.set(values.subarray(start, start + width / 2), (row * width) / 2);
    }
    return [`${name}.${half}`, part] as const;
  });
}

const sequence = z.strictObject({
  ids: z.array(z.number()),
  trained: z.array(z.number()),
  role: z.enum(["chosen", "rejected"]).optional(),
});
const rowsFile = z.strictObject({ rowTokens: z.number(), rows: z.array(z.array(sequence)) });

/** The training rows of every supervised case. */
export const readRows = (): { rowTokens: number; rows: RowOfSequences[] } => json("rows.json", rowsFile);

const preferenceRows = z.strictObject({
  rowTokens: z.number(),
  pairs: rowsFile.shape.rows,
  labelled: rowsFile.shape.rows,
});

/** The training rows of a case. */
export function readDataset({ objective }: GoldenCase["settings"]) {
  if (!objective) return packRowsOf(readRows());
  const { rowTokens, pairs, labelled } = json("preference-rows.json", preferenceRows);
  return packRowsOf({ rowTokens, rows: objective.type === "KTO" ? labelled : pairs });
}

const schedulesFile = z.array(
  z.strictObject({
    type: z.enum(["Constant", "Linear", "Cosine", "InverseSquareRoot", "WarmupStableDecay", "Polynomial"]),
    minimumRatio: z.number().optional(),
    timescale: z.number().optional(),
    decayType: z.enum(["Linear", "Cosine", "OneMinusSquareRoot"]).optional(),
    decaySteps: z.number().optional(),
    power: z.number().optional(),
    warmupSteps: z.number(),
    rates: z.array(z.number()),
  }),
);
export const readSchedules = () => json("schedules.json", schedulesFile);

const curveFile = z.strictObject({
  exact: z.array(z.number()),
  field: z.array(z.number()),
  learningRates: z.array(z.number()),
  maxGradNorm: z.number(),
});
export const readCurve = () => json("curve-bf16.json", curveFile);

/** A complete safetensors file. */
export class Tensors {
  readonly #file: Buffer;
  readonly #entries: ReadonlyMap<string, TensorEntry>;

  constructor(name: string) {
    this.#file = readFileSync(goldenPath(name));
    const headerEnd = 8 + Number(this.#file.readBigUInt64LE(0));
    this.#entries = parseHeader(this.#file.subarray(8, headerEnd), headerEnd, this.#file.length).tensors;
  }

  names(prefix = ""): string[] {
    return [...this.#entries.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  entry(name: string): TensorEntry {
    const entry = this.#entries.get(name);
    if (!entry) throw new Error(`no golden tensor ${name}`);
    return entry;
  }

  /** A copy of a tensor's bytes. */
  bytes(name: string): Uint8Array<ArrayBuffer> {
    const { start, end } = this.entry(name);
    return Uint8Array.from(this.#file.subarray(start, end));
  }

  /** An F32 or F64 tensor. */
  values(name: string): Float32Array | Float64Array {
    const { dtype } = this.entry(name);
    const { buffer } = this.bytes(name);
    if (dtype === "F32") return new Float32Array(buffer);
    if (dtype === "F64") return new Float64Array(buffer);
    throw new Error(`${name} is ${dtype} (${elementBytes[dtype]} bytes an element), F32 or F64 expected`);
  }
}
