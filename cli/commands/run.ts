/**
 * `luthier run`: runs a FineTuneJob's manifest through the same stages as a cluster, on this machine. After an
 * interruption the same command resumes from the last checkpoint; after the end it finds the result and trains nothing.
 */

import { gpuOf } from "../../operator/jobs/placement.ts";
import { type Arguments, choiceOf, integerOf, optionOf } from "../../terminal/arguments.ts";
import { type Command, commonOptions, jsonText, outputFormats, type Session } from "../../terminal/command.ts";
import { formatBytes, formatDuration } from "../../terminal/format.ts";
import { styled } from "../../terminal/screen.ts";
import { counted } from "../../trainer/contract/counted.ts";
import { inputNotes } from "../../trainer/contract/inputNotes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { StageContext } from "../../trainer/stages/context.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import {
  type FineTuneJobManifest,
  type LocalPlaces,
  loadFineTuneJob,
  localPath,
  localPlaces,
  readClaims,
} from "../fineTuneJob.ts";
import { limitsHere } from "../limits.ts";
import { ensureNative } from "../nativeBuild.ts";
import { type PipelineResult, type PipelineWatcher, runPipeline } from "../pipeline.ts";
import { storageText } from "../ui/planView.ts";
import { type Outcome, outcomeLines } from "../ui/resultView.ts";
import { createStageView } from "../ui/stageView.ts";

const usage = {
  command: "luthier run",
  positionals: ["MANIFEST"],
  summary: "Runs the training of a FineTuneJob manifest on this machine, without a cluster.",
  details: [
    "The manifest is the same as for `kubectl apply`. Map its claims to directories:",
    "  luthier run job.yaml --claim models=./models --claim data=./data --output-dir ./out",
    "Credentials for s3:// and hf:// come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …, HF_TOKEN.",
    "The limits of memory and cores are the manifest's spec.placement.resources.limits, as for `luthier plan`, or this",
    "machine's if it has less or none are set. With placement.gpusPerNode: 1 the training takes this machine's first NVIDIA",
    "GPU, and at most placement.deviceMemory of its memory.",
    "Ctrl-C stops at the next step with a checkpoint; the same command resumes from it.",
  ],
  options: {
    claim: commonOptions.claim,
    "output-dir": { value: "DIR", help: "write here instead of the manifest's spec.artifacts.uri" },
    threads: commonOptions.threads,
    output: commonOptions.output,
    help: commonOptions.help,
  },
};

const onInterrupt = "stopping with a checkpoint; the same command resumes from it (Ctrl-C again: stop at once)";

export const runCommand: Command = { usage, run, onInterrupt };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const threads = integerOf(args, "threads", 1, 1024, 0);
  const job = loadFineTuneJob(args.positionals[0] ?? "");
  const places = localPlaces(job, readClaims(args.values.get("claim") ?? []), optionOf(args, "output-dir"));
  await ensureNative(session.screen);
  const result = await runJob(job, places, threads, session);
  if (format === "json") session.write(jsonText(resultJson(result, places)));
  else session.write(`\n${outcomeLines(outcomeOf(job, result, places)).join("\n")}\n`);
  return 0;
}

/** The demo uses this too on a machine without root. `threads`: 0 for the manifest's or the machine's. */
export async function runJob(
  job: FineTuneJobManifest,
  places: LocalPlaces,
  threads: number,
  session: Session,
): Promise<PipelineResult> {
  const { artifactRoot, claims, locations } = places;
  const local = { spec: trainingPart(job.spec), artifactRoot, locations: [...locations] };
  const limits = limitsHere(job);
  const gpu = gpuOf(job.spec.placement);
  const machine: Machine = gpu
    ? { threads: threads || limits.threads, memoryLimit: gpu.memory, gpu: { product: gpu.product } }
    : { threads: threads || limits.threads, memoryLimit: limits.memoryBytes };
  const watcher = watcherOf(job.metadata.name, places, machine, session);
  return await runPipeline(local, job.spec.adapter?.exports ?? [], claims, watcher);
}

/** The device of the training, and the most that it may take. */
interface Machine extends Pick<StageContext, "threads" | "gpu"> {
  readonly memoryLimit: number | undefined;
}

function watcherOf(
  name: string,
  { claims, locations }: LocalPlaces,
  { memoryLimit, ...machine }: Machine,
  session: Session,
): PipelineWatcher {
  const { screen, signal } = session;
  const stores = new Stores({ claims, locations, log: (line) => screen.print(`  ${line}`) });
  let started = 0;
  return {
    begin(stage) {
      started = Date.now();
      const view = createStageView(() => `${name}: ${stage}`);
      screen.show(view);
      return {
        stores,
        ...machine,
        ...(memoryLimit !== undefined && { memoryLimit }),
        signal,
        log: (line) => screen.print(`  ${line}`),
        onProgress(progress) {
          view.add(progress);
          screen.show(view);
        },
      };
    },
    end(stage, reused) {
      screen.clear();
      const time = formatDuration((Date.now() - started) / 1000);
      screen.print(`${styled("green", "✓")} ${stage.padEnd(20)} ${reused ? "done before" : time}`);
    },
    prepared(figures) {
      const { dataset, baseDataType, baseBytes, quantized } = figures;
      const held = `${dataset.validationExamples} for validation, ${dataset.testExamples} for the test`;
      screen.print(
        `  ${counted(dataset.examples, "example")} (${held}), ${counted(dataset.tokens, "token")} in ${counted(dataset.rows, "packed row")}`,
      );
      if (quantized) {
        const { type: linear, bytes, ...how } = quantized;
        const storage = storageText({ dense: baseDataType, linear, ...how });
        const before = bytes === baseBytes ? "" : `, of ${formatBytes(baseBytes)}`;
        screen.print(`  base: ${storage}; ${formatBytes(bytes)}${before}`);
      }
      if (dataset.truncatedExamples > 0) screen.print(`  ${counted(dataset.truncatedExamples, "example")} truncated`);
      const leaked = dataset.leakedExamples ?? 0;
      if (leaked > 0) screen.print(`  ${counted(leaked, "held-out text")} also in the training data; see luthier data`);
      for (const note of inputNotes(figures)) screen.print(`  ${note}`);
    },
  };
}

export function outcomeOf(job: FineTuneJobManifest, result: PipelineResult, { claims }: LocalPlaces): Outcome {
  return {
    title: `${job.metadata.name} is trained`,
    training: result.train,
    exports: result.exports,
    places: [
      ["adapter", localPath(result.adapter, claims)],
      ...result.exports.map(({ name, uri }) => [name, localPath(uri, claims)] as const),
    ],
  };
}

function resultJson({ runHash, adapter, prepare, train, exports }: PipelineResult, { claims }: LocalPlaces) {
  return {
    runHash,
    adapterDirectory: localPath(adapter, claims),
    dataset: prepare.dataset,
    training: train,
    exports: exports.map(({ uri, ...figures }) => ({ ...figures, directory: localPath(uri, claims) })),
  };
}
