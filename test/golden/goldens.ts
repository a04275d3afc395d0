/** The goldens of `data/` as typed values; README.md says what each file is. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { elementBytes, parseHeader, type TensorEntry } from "../../trainer/formats/safetensors.ts";
import { packRowsOf, type RowOfSequences } from "./rows.ts";

export const goldenPath = (name: string) => fileURLToPath(new URL(`./data/${name}`, import.meta.url));

const json = <T>(name: string, schema: z.ZodType<T>): T =>
  schema.parse(JSON.parse(readFileSync(goldenPath(name), "utf8")));

const lora = z.strictObject({
  kind: z.literal("lora"),
  rank: z.number(),
  alpha: z.number(),
  dropout: z.number(),
  rankStabilized: z.boolean(),
  targetModules: z.array(z.string()),
});

const curves = z.strictObject({
  losses: z.array(z.number()),
  learningRates: z.array(z.number()),
  gradNorms: z.array(z.number()),
  fieldUpdate: z.number(),
});

const caseFile = z.strictObject({
  settings: z.strictObject({
    base: z.string(),
    nf4: z.enum(["plain", "double"]).nullable(),
    method: z.discriminatedUnion("kind", [lora, z.strictObject({ kind: z.literal("full") })]),
    schedule: z.enum(["Linear", "Cosine"]),
    steps: z.number(),
    warmupSteps: z.number(),
    learningRate: z.number(),
    maxGradNorm: z.number(),
    weightDecay: z.number(),
    betas: z.tuple([z.number(), z.number()]),
  }),
  loss: z.number(),
  field: z.strictObject({ logits: z.number(), loss: z.number(), gradient: z.number() }),
  training: z.record(z.enum(["1e-5", "1e-8"]), curves),
});

export type Epsilon = "1e-5" | "1e-8";
export type GoldenSettings = z.infer<typeof caseFile>["settings"];
export type Curves = z.infer<typeof curves>;

export interface GoldenCase extends z.infer<typeof caseFile> {
  name: string;
  tensors: Tensors;
}

export type CaseName =
  | "full-untied"
  | "full-tied"
  | "lora-all-linear"
  | "lora-subset"
  | "qwen2-lora"
  | "qwen3-full"
  | "qwen3-lora"
  | "qlora-nf4"
  | "qlora-nf4-double";

export const readCase = (name: CaseName): GoldenCase => ({
  name,
  ...json(`${name}.json`, caseFile),
  tensors: new Tensors(`${name}.safetensors`),
});

const sequence = z.strictObject({ ids: z.array(z.number()), trained: z.array(z.number()) });
const rowsFile = z.strictObject({ rowTokens: z.number(), rows: z.array(z.array(sequence)) });

/** The rows that every case trains on. */
export const readRows = (): { rowTokens: number; rows: RowOfSequences[] } => json("rows.json", rowsFile);
export const readDataset = () => packRowsOf(readRows());

const schedulesFile = z.array(
  z.strictObject({ type: z.enum(["Linear", "Cosine"]), warmupSteps: z.number(), rates: z.array(z.number()) }),
);
export const readSchedules = () => json("schedules.json", schedulesFile);

const curveFile = z.strictObject({
  exact: z.array(z.number()),
  field: z.array(z.number()),
  learningRates: z.array(z.number()),
  maxGradNorm: z.number(),
});
export const readCurve = () => json("curve-bf16.json", curveFile);

/** A safetensors file read whole. */
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
