/**
 * The trainings whose memory is measured: bases of 6 to 300 million parameters in every type of storage, LoRA and full,
 * short and long rows, with and without what takes memory beside the training itself.
 */
import type { TrainingSpec } from "../../../trainer/contract/settings.ts";

export interface BaseShape {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly dtype: "F32" | "BF16";
  /** Offset of the first tensor in a file of others: kernels read whole cache lines, so such tensors are copied. */
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
  /** A part of the data that is held out, whose best parameters are kept. */
  readonly validation?: boolean;
  /** Answers are generated before and after. */
  readonly evaluation?: boolean;
}

const sizes = {
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
const full = { full: {} };

const usual = { precision: "BF16", threads: 2, rowTokens: 256, batchTokens: 1024, examples: 200 } as const;

export const memoryShapes: readonly MemoryShape[] = [
  { ...usual, name: "6 M, BF16, LoRA", base: base("6 M", "BF16"), method: lora },
  { ...usual, name: "6 M, F32, full, validation", base: base("6 M", "F32"), method: full, validation: true },
  {
    ...usual,
    name: "6 M, F32 in F32, LoRA, 1 thread",
    base: base("6 M", "F32"),
    method: lora,
    precision: "F32",
    threads: 1,
  },
  {
    ...usual,
    name: "6 M, NF4, LoRA, long rows",
    base: base("6 M", "BF16"),
    quantization: "single",
    method: lora,
    rowTokens: 1024,
    batchTokens: 4096,
  },
  {
    ...usual,
    name: "25 M, BF16, LoRA, 20,000 examples",
    base: base("25 M", "BF16"),
    method: lora,
    examples: 20_000,
    validation: true,
  },
  {
    ...usual,
    name: "25 M, BF16, full, validation, answers",
    base: base("25 M", "BF16"),
    method: full,
    validation: true,
    evaluation: true,
  },
  { ...usual, name: "25 M, F32, LoRA, answers", base: base("25 M", "F32"), method: lora, evaluation: true },
  {
    ...usual,
    name: "25 M, NF4 twice, LoRA of rank 64",
    base: base("25 M", "BF16"),
    quantization: "double",
    method: { lora: { rank: 64 } },
  },
  { ...usual, name: "60 M, BF16, LoRA", base: base("60 M", "BF16"), method: lora },
  { ...usual, name: "60 M, BF16, full", base: base("60 M", "BF16"), method: full },
  { ...usual, name: "60 M, BF16 at odd offsets, LoRA", base: base("60 M", "BF16", true), method: lora },
  {
    ...usual,
    name: "60 M, NF4, LoRA, answers, 8 threads",
    base: base("60 M", "BF16"),
    quantization: "single",
    method: lora,
    evaluation: true,
    threads: 8,
  },
  {
    ...usual,
    name: "60 M, F32, full, long rows",
    base: base("60 M", "F32"),
    method: full,
    rowTokens: 1024,
    batchTokens: 1024,
  },
  { ...usual, name: "140 M, BF16, LoRA, validation", base: base("140 M", "BF16"), method: lora, validation: true },
  { ...usual, name: "140 M, F32, LoRA", base: base("140 M", "F32"), method: lora },
  { ...usual, name: "140 M, NF4 twice, LoRA", base: base("140 M", "F32"), quantization: "double", method: lora },
  { ...usual, name: "140 M, BF16, full, validation", base: base("140 M", "BF16"), method: full, validation: true },
  {
    ...usual,
    name: "300 M, BF16, LoRA, long rows",
    base: base("300 M", "BF16"),
    method: lora,
    rowTokens: 1024,
    batchTokens: 2048,
  },
  {
    ...usual,
    name: "300 M, NF4, LoRA, answers",
    base: base("300 M", "BF16"),
    quantization: "single",
    method: lora,
    evaluation: true,
  },
  { ...usual, name: "300 M, F32, full", base: base("300 M", "F32"), method: full, rowTokens: 128, batchTokens: 256 },
];
