/**
 * Runs one training in a separate process, as in a pod, and measures its peak resident memory, including mapped weights. The
 * kernel can drop and reread them at any time, so they kill no pod; but without them in memory a training would read them from
 * disk at every step, so a plan counts them.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { PrepareFile, RunFile, TrainFile } from "../../../trainer/contract/runFile.ts";
import type { TrainingSpec } from "../../../trainer/contract/settings.ts";
import { pinsOf, prepareFile, trainFile } from "../../../trainer/contract/stageFiles.ts";
import { storeLayout } from "../../../trainer/contract/storeLayout.ts";
import type { PlannedMemory } from "../../../trainer/planning/memory.ts";
import { writeBase } from "./base.ts";
import type { MemoryShape } from "./shapes.ts";

const main = fileURLToPath(new URL("../../../trainer/main.ts", import.meta.url));

export interface Measured {
  readonly planned: PlannedMemory;
  readonly plannedBytes: number;
  /** Peak resident memory. */
  readonly peakBytes: number;
  /** The part of it that is not mapped from files. */
  readonly anonymousBytes: number;
}

export async function measureTraining(directory: string, shape: MemoryShape): Promise<Measured> {
  mkdirSync(directory, { recursive: true });
  await writeBase(`${directory}/base`, shape.base);
  writeFileSync(`${directory}/train.jsonl`, rows(shape));
  writeFileSync(`${directory}/test.jsonl`, rows({ examples: 4, rowTokens: 32 }));
  const spec = specOf(directory, shape);
  const job = { spec, artifactRoot: `file://${directory}/artifacts` };
  const prepared = await stage("prepare", prepareFile(job), directory, shape.threads);
  const file = trainFile(job, pinsOf(prepared.figures));
  const { peak, anonymous } = await stage("train", file, directory, shape.threads);
  const run = storeLayout.run(job.artifactRoot, file.runHash).slice("file://".length);
  const report = JSON.parse(readFileSync(`${run}/report.json`, "utf8"));
  const planned: PlannedMemory = report.plan.memory;
  return {
    planned,
    plannedBytes: Object.values(planned).reduce((sum, bytes) => sum + bytes, 0),
    peakBytes: peak,
    anonymousBytes: anonymous,
  };
}

/** Rows of text with about as many tokens as a packed row. */
function rows({ examples, rowTokens }: Pick<MemoryShape, "examples" | "rowTokens">): string {
  const text = Array.from({ length: Math.floor(rowTokens / 10) }, (_, index) => `word${index % 7}`).join(" ");
  const line = (index: number) => JSON.stringify({ prompt: `${index} ${text}`, completion: ` ${index % 10}${text}` });
  return Array.from({ length: examples }, (_, index) => `${line(index)}\n`).join("");
}

function specOf(directory: string, shape: MemoryShape): TrainingSpec {
  const { quantization, method, precision, rowTokens, batchTokens, validation = false, evaluation = false } = shape;
  return {
    baseModel: {
      uri: `file://${directory}/base`,
      ...(quantization && { quantization: { type: "NF4", doubleQuantization: quantization === "double" } }),
    },
    dataset: {
      sources: [{ uri: `file://${directory}/train.jsonl` }],
      maxSequenceLength: rowTokens,
      ...(validation && { validation: { fraction: "0.05" } }),
    },
    method,
    training: { maxSteps: 2, batchTokens, precision, ...(validation && { evaluation: { everySteps: 1 } }) },
    ...(evaluation && {
      evaluation: { test: { uri: `file://${directory}/test.jsonl` }, metrics: ["ExactMatch"], maxNewTokens: 8 },
    }),
  };
}

interface Finished {
  readonly figures: Parameters<typeof pinsOf>[0];
  readonly peak: number;
  readonly anonymous: number;
}

async function stage(
  command: "prepare" | "train",
  file: PrepareFile | TrainFile,
  directory: string,
  threads: number,
): Promise<Finished> {
  const [runFile, envelope] = [`${directory}/${command}.json`, `${directory}/${command}-envelope.json`];
  writeFileSync(runFile, JSON.stringify(file satisfies RunFile));
  const args = [main, command, "--run-file", runFile, "--termination-log", envelope, "--threads", String(threads)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  child.stderr.on("data", (chunk) => {
    words += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const seen = { peak: 0, anonymous: 0 };
  let running = true;
  void ended.then(() => {
    running = false;
  });
  while (running) {
    look(child.pid ?? 0, seen);
    await Promise.race([ended, sleep(20)]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${words}`);
  return { ...seen, figures: JSON.parse(readFileSync(envelope, "utf8")).figures };
}

/** The kernel records the peak, so that occasional polling is enough; polling also shows its parts. */
function look(pid: number, seen: { peak: number; anonymous: number }): void {
  let status = "";
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return;
  }
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+([0-9]+) kB$`, "m").exec(status)?.[1] ?? 0);
  seen.peak = Math.max(seen.peak, bytes("VmHWM"));
  seen.anonymous = Math.max(seen.anonymous, bytes("RssAnon"));
}
