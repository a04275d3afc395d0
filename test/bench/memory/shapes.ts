/**
 * The measured trainings: bases of 6 to 300 million parameters in every type of storage, LoRA and full, short and long rows,
 * with and without the options that take additional memory.
 */
import type { TrainingSpec } from "../../../trainer/contract/settings.ts";

export interface BaseShape {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly dtype: "F32" | "BF16";
  /** Offset of the first tensor in a foreign file: kernels read whole cache lines, so unaligned tensors are copied. */
  readonly unaligned?: boolean;
}

export interface MemoryShape {
  readonly name: string;
  readonly base: BaseShape;
  readonly quantization?: "single" | "double";
  readonly method: TrainingSpec["method"];
  readonly precision: "BF16" | "F32";
  readonly threads: number;
  readonly rowTokens: number;
  readonly batchTokens: number;
  readonly examples: number;
  /** Holds out a part of the data and keeps the best parameters. */
  readonly validation?: boolean;
  /** Generates answers before and after. */
  readonly evaluation?: boolean;
}

const narrow = { hidden: 128, intermediate: 256, heads: 4 };

const sizes = {
  "many layers": { ...narrow, vocabulary: 4096, layers: 40 },
  "16,384 tokens": { ...narrow, vocabulary: 16_384, layers: 4 },
  "65,536 tokens": { ...narrow, vocabulary: 65_536, layers: 4 },
  "6 M": { vocabulary: 4096, hidden: 256, intermediate: 768, layers: 6, heads: 4 },
  "25 M": { vocabulary: 4096, hidden: 512, intermediate: 1408, layers: 8, heads: 8 },
  "60 M": { vocabulary: 32_768, hidden: 512, intermediate: 1536, layers: 16, heads: 8 },
  "140 M": { vocabulary: 49_152, hidden: 768, intermediate: 2048, layers: 16, heads: 12 },
  "300 M": { vocabulary: 65_536, hidden: 1024, intermediate: 3072, layers: 20, heads: 16 },
} as const;

const base = (size: keyof typeof sizes, dtype: "F32" | "BF16", unaligned = false): BaseShape => ({
  ...sizes[size],
  dtype,
  unaligned,
});

const lora = { lora: { rank: 16 } };
const small = { lora: { rank: 8 } };
const full = { full: {} };

const usual = { precision: "BF16", threads: 2, rowTokens: 256, batchTokens: 512, examples: 60 } as const;
const long = { rowTokens: 1024, batchTokens: 2048 };
const tiny = { rowTokens: 64, batchTokens: 64, examples: 20 };
const short = { rowTokens: 128, batchTokens: 256 };
const bf16 = (size: keyof typeof sizes) => ({ ...usual, base: base(size, "BF16") });
const f32 = (size: keyof typeof sizes) => ({ ...usual, base: base(size, "F32") });
const nf4 = (size: keyof typeof sizes) => ({ ...bf16(size), quantization: "single", method: lora }) as const;
const twice = (size: keyof typeof sizes) => ({ ...bf16(size), quantization: "double", method: lora }) as const;

export const memoryShapes: readonly MemoryShape[] = [
  { ...bf16("6 M"), name: "6 M, BF16, LoRA", method: lora },
  { ...f32("6 M"), name: "6 M, F32, full, validation", method: full, validation: true },
  { ...f32("6 M"), name: "6 M, F32 throughout, LoRA, 1 thread", method: lora, precision: "F32", threads: 1 },
  { ...nf4("6 M"), name: "6 M, NF4, LoRA, long rows", ...long },
  { ...bf16("many layers"), name: "40 layers, BF16, LoRA", method: small, ...tiny },
  {
    ...twice("many layers"),
    name: "40 layers, NF4 twice, answers, 8 threads",
    method: small,
    evaluation: true,
    ...tiny,
    threads: 8,
  },
  {
    ...bf16("16,384 tokens"),
    name: "vocabulary of 16,384, BF16, LoRA, answers",
    method: small,
    evaluation: true,
    ...tiny,
  },
  { ...bf16("65,536 tokens"), name: "vocabulary of 65,536, BF16, LoRA", method: small, ...tiny },
  {
    ...bf16("65,536 tokens"),
    name: "vocabulary of 65,536, BF16, LoRA, answers",
    method: small,
    evaluation: true,
    ...tiny,
  },
  { ...f32("25 M"), name: "25 M, F32, full, validation", method: full, validation: true, ...tiny },
  { ...bf16("25 M"), name: "25 M, BF16, LoRA, 5,000 examples", method: lora, examples: 5000, validation: true },
  { ...bf16("25 M"), name: "25 M, BF16, full, validation, answers", method: full, validation: true, evaluation: true },
  { ...twice("25 M"), name: "25 M, NF4 twice, LoRA of rank 64", method: { lora: { rank: 64 } } },
  { ...bf16("25 M"), name: "25 M, BF16, LoRA by EVA", method: { lora: { rank: 16, initialization: "EVA" } }, ...short },
  { ...bf16("6 M"), name: "6 M, BF16, diff pruning", method: { diffPruning: {} } },
  { ...bf16("6 M"), name: "6 M, BF16, diff pruning, half of the weights", method: { diffPruning: { density: "0.5" } } },
  { ...bf16("60 M"), name: "60 M, BF16, LoRA", method: small, ...tiny },
  { ...usual, name: "60 M, BF16 at odd offsets, LoRA", base: base("60 M", "BF16", true), method: lora },
  { ...nf4("60 M"), name: "60 M, NF4, LoRA, answers, 8 threads", evaluation: true, threads: 8 },
  { ...f32("140 M"), name: "140 M, F32, LoRA, validation", method: lora, validation: true, ...short },
  { ...bf16("140 M"), name: "140 M, BF16, full, validation", method: full, validation: true, ...short },
  { ...nf4("300 M"), name: "300 M, NF4, LoRA, answers", evaluation: true, ...short },
  { ...f32("300 M"), name: "300 M, F32, full", method: full, ...tiny },
];
