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

const usual = { precision: "BF16", threads: 2, rowTokens: 256, batchTokens: 512, examples: 60 } as const;
const long = { rowTokens: 1024, batchTokens: 2048 };
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
  { ...bf16("25 M"), name: "25 M, BF16, LoRA, 5,000 examples", method: lora, examples: 5000, validation: true },
  { ...bf16("25 M"), name: "25 M, BF16, full, validation, answers", method: full, validation: true, evaluation: true },
  { ...f32("25 M"), name: "25 M, F32, LoRA, answers", method: lora, evaluation: true },
  { ...twice("25 M"), name: "25 M, NF4 twice, LoRA of rank 64", method: { lora: { rank: 64 } } },
  { ...bf16("60 M"), name: "60 M, BF16, LoRA", method: lora },
  { ...bf16("60 M"), name: "60 M, BF16, full", method: full },
  { ...usual, name: "60 M, BF16 at odd offsets, LoRA", base: base("60 M", "BF16", true), method: lora },
  { ...nf4("60 M"), name: "60 M, NF4, LoRA, answers, 8 threads", evaluation: true, threads: 8 },
  { ...f32("60 M"), name: "60 M, F32, full, long rows", method: full, rowTokens: 1024, batchTokens: 1024 },
  { ...bf16("140 M"), name: "140 M, BF16, LoRA, validation", method: lora, validation: true, ...short },
  { ...f32("140 M"), name: "140 M, F32, LoRA", method: lora, ...short },
  { ...twice("140 M"), name: "140 M, NF4 twice, LoRA", ...short },
  { ...bf16("140 M"), name: "140 M, BF16, full, validation", method: full, validation: true, ...short },
  { ...bf16("300 M"), name: "300 M, BF16, LoRA", method: lora, ...short },
  { ...nf4("300 M"), name: "300 M, NF4, LoRA, answers", evaluation: true, ...short },
  { ...f32("300 M"), name: "300 M, F32, full", method: full, rowTokens: 128, batchTokens: 128 },
];
