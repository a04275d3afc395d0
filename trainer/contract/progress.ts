/** Progress reports: the trainer prints one JSON line each to standard output; the last line is the current state. */
import { z } from "zod";

const finite = z.number().min(-1e30).max(1e30);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const progressLine = z.object({
  /** The current phase, for people. */
  phase: z.enum([
    "Fetching",
    "Tokenizing",
    "Staging",
    "Quantizing",
    "Loading",
    "EvaluatingBefore",
    "Training",
    "EvaluatingAfter",
    "Saving",
    "Merging",
    "Verifying",
    "Uploading",
  ]),
  /** Work done and to do in this phase, in `unit`s. */
  done: count,
  total: count,
  unit: z.enum(["bytes", "rows", "examples", "steps", "tensors"]),
  time: z.iso.datetime(),
  epoch: finite.optional(),
  loss: finite.optional(),
  evalLoss: finite.optional(),
  /** For preferences: share of the pairs in which the chosen answer has the higher reward, and the mean difference. */
  rewardAccuracy: finite.optional(),
  rewardMargin: finite.optional(),
  evalRewardAccuracy: finite.optional(),
  evalRewardMargin: finite.optional(),
  learningRate: finite.optional(),
  tokensPerSecond: finite.optional(),
  gradNorm: finite.optional(),
  peakBytes: count.optional(),
  /** Step of the newest durable checkpoint. */
  lastCheckpoint: count.optional(),
  estimatedSecondsLeft: finite.optional(),
});

export type Progress = z.infer<typeof progressLine>;

/** Parses a log line; undefined when it is not a progress line. */
export function parseProgress(line: string): Progress | undefined {
  if (!line.startsWith('{"phase"') || line.length > 2048) return undefined;
  try {
    const parsed = progressLine.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Writes `phase` first, because `parseProgress` recognises a progress line by its beginning. */
export function formatProgress(progress: Progress): string {
  const { phase, ...rest } = progress;
  return JSON.stringify({ phase, ...rest });
}
