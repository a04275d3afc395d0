/**
 * `luthier plan`: predicts the cost of a FineTuneJob with the compiler that its run will use. It prepares the inputs (to
 * count them exactly) and trains nothing.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { quantityBytes } from "../../operator/api/quantity.ts";
import { type Arguments, choiceOf, integerOf, optionOf, refuseWithout, UsageError } from "../../terminal/arguments.ts";
import { type Command, commonOptions, jsonText, outputFormats, type Session } from "../../terminal/command.ts";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { inputNotes } from "../../trainer/contract/inputNotes.ts";
import { remoteScheme } from "../../trainer/contract/locations.ts";
import { prepareFile } from "../../trainer/contract/stageFiles.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { type EndToken, endTokensOf } from "../../trainer/data/encoding/endTokens.ts";
import { gpus, listedGpu } from "../../trainer/planning/gpus.ts";
import { type PlanInput, recomputeFrontier } from "../../trainer/planning/plan.ts";
import { efficiency } from "../../trainer/planning/roofline.ts";
import { cpuTarget, gpuTarget } from "../../trainer/planning/target.ts";
import { datasetFiles } from "../../trainer/stages/dataFiles.ts";
import { runPrepare } from "../../trainer/stages/prepare.ts";
import { planOrFail } from "../../trainer/stages/trainPlan.ts";
import { Objects } from "../../trainer/stores/objects.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { StoredModel } from "../../trainer/weights/storedModel.ts";
import {
  type FineTuneJobManifest,
  type LocalPlaces,
  loadFineTuneJob,
  localPlaces,
  readClaims,
} from "../fineTuneJob.ts";
import { limitsOf } from "../limits.ts";
import { ensureNative } from "../nativeBuild.ts";
import { requirePossible } from "../pipeline.ts";
import { readSamples, type Sample, sampleLines } from "../sample.ts";
import { planLines } from "../ui/planView.ts";
import { createStageView } from "../ui/stageView.ts";

const usage = {
  command: "luthier plan",
  positionals: ["MANIFEST"],
  summary: "Predicts parameters, memory and steps of a FineTuneJob, and shows one example with its learnt part marked.",
  details: [
    "The memory limit is --memory, else the manifest's spec.placement.resources.limits.memory, else this machine's; for a GPU",
    "--memory, else placement.deviceMemory, else all of its memory.",
    "The number of cores is --threads, else the manifest's spec.placement.resources.limits.cpu, else this machine's.",
    "With --target and a GPU, the plan is for one such GPU: its memory is the limit, and the speed is computed from its data",
    "sheet, not measured. This machine needs no GPU for that. A manifest with placement.gpuClass is planned for that GPU.",
    "Exit code 20 if the job does not fit or cannot be planned; the message names the nearest setting that fits.",
  ],
  options: {
    claim: commonOptions.claim,
    "output-dir": {
      value: "DIR",
      help: "keep the prepared inputs here, so that `luthier run` with the same DIR reuses them",
    },
    memory: { value: "SIZE", help: "for example 8Gi" },
    threads: commonOptions.threads,
    target: {
      value: "DEVICE",
      help: `cpu or a GPU (default: as the manifest's placement): ${gpus.map(({ name }) => name).join(", ")}`,
    },
    explain: { help: "also show memory to the byte, savings and costs of recomputing, and each linear layer" },
    output: commonOptions.output,
    help: commonOptions.help,
  },
};

export const planCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const job = loadFineTuneJob(args.positionals[0] ?? "");
  const machine = machineOf(args, job);
  const kept = optionOf(args, "output-dir");
  const directory = kept ?? mkdtempSync(path.join(tmpdir(), "luthier-plan-"));
  try {
    const places = localPlaces(job, readClaims(args.values.get("claim") ?? []), directory);
    await ensureNative(session.screen);
    const { input, samples, endTokens } = await inputOf(job, places, machine, session);
    const made = planOrFail(input);
    const frontier = args.switches.has("explain") ? recomputeFrontier(input, made) : undefined;
    if (format === "json")
      session.write(
        jsonText({
          ...made,
          availableBytes: machine.availableBytes,
          ...targetFacts(machine.target),
          frontier,
          endTokens,
          samples,
        }),
      );
    else
      session.write(`${[...planLines(made, { ...input, endTokens }, frontier), ...sampleLines(samples)].join("\n")}\n`);
    return made.fits ? exitCode.done : exitCode.invalid;
  } finally {
    if (kept === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

type Machine = Pick<PlanInput, "availableBytes" | "target">;

function machineOf(args: Arguments, job: FineTuneJobManifest): Machine {
  const name = choiceOf(args, "target", ["cpu", ...gpus.map((gpu) => gpu.name)], usualTarget(args, job));
  const gpu = gpus.find((one) => one.name === name);
  const memory = memoryOf(optionOf(args, "memory"));
  if (gpu) {
    refuseWithout("--target cpu", args, ["threads"]);
    const own = memory ?? quantityBytes(job.spec.placement.deviceMemory) ?? gpu.memoryBytes;
    return { availableBytes: Math.min(own, gpu.memoryBytes), target: gpuTarget(gpu) };
  }
  const limits = limitsOf(job);
  const target = cpuTarget(integerOf(args, "threads", 1, 1024, 0) || limits.threads);
  return { availableBytes: memory ?? limits.memoryBytes, target };
}

/** The device that the manifest asks for. */
function usualTarget(args: Arguments, { spec: { placement } }: FineTuneJobManifest): string {
  if (placement.gpusPerNode === 0 || optionOf(args, "target") !== undefined) return "cpu";
  const { gpuClass } = placement;
  const listed = listedGpu(gpuClass);
  if (listed) return listed.name;
  const unknown = gpuClass === undefined ? "names no GPU" : `names ${gpuClass}, whose memory is not known here`;
  throw new UsageError(
    `the manifest's placement asks for a GPU and ${unknown}: name one with --target (${gpus.map(({ name }) => name).join(", ")})`,
  );
}

/** The target in the output of `--output json`. */
const targetFacts = (target: PlanInput["target"]) =>
  target.device === "cuda" ? { gpu: target.gpu, efficiency } : { threads: target.threads };

/** The planner's input, with the counted inputs of the job. */
async function inputOf(
  job: FineTuneJobManifest,
  { claims, artifactRoot, locations }: LocalPlaces,
  machine: Machine,
  { screen, signal }: Session,
): Promise<{ input: PlanInput; samples: Sample[]; endTokens: EndToken[] }> {
  const spec = trainingPart(job.spec);
  const stores = new Stores({ claims, locations, log: (line) => screen.print(line), signal });
  const view = createStageView(() => `${job.metadata.name}: counting the inputs`);
  const onProgress = (progress: Parameters<typeof view.add>[0]) => {
    view.add(progress);
    screen.show(view);
  };
  const log = (line: string) => screen.print(line);
  const { figures } = await runPrepare(prepareFile({ spec, artifactRoot }), {
    stores,
    onProgress,
    log,
    signal,
    threads: 0,
  });
  screen.clear();
  requirePossible(job.spec.adapter?.exports ?? [], figures);
  for (const note of inputNotes(figures)) screen.print(note);
  const settings = effectiveSettings(spec);
  const { model, baseDataType, quantized, dataset } = figures;
  const base = await StoredModel.staged(stores, new Objects(stores, artifactRoot), figures.baseDigest);
  const { files } = await datasetFiles(settings.dataset, stores);
  const codec = await base.codec();
  const samples = await readSamples(stores, { settings: settings.dataset, files }, codec, 1, signal);
  return {
    input: {
      settings,
      model,
      baseDataType,
      quantized,
      dataset,
      isRemote: remoteScheme(job.spec.artifacts.uri) !== undefined,
      ...machine,
    },
    samples,
    endTokens: endTokensOf(codec),
  };
}

/** Bytes of `--memory`. */
function memoryOf(given: string | undefined): number | undefined {
  const bytes = quantityBytes(given);
  if (given !== undefined && bytes === undefined) {
    throw new UsageError(`--memory is a size such as 8Gi, not ${JSON.stringify(given)}`);
  }
  return bytes;
}
