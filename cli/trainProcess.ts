/**
 * Runs the training of `luthier run` in a process of its own, by the program that a training pod runs. Memory that
 * preparing left in the command's process is therefore no part of the training's peak, as in a pod. A stop is passed on,
 * and the process never outlives the command.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitCode } from "../trainer/contract/exitCodes.ts";
import { StageFailure } from "../trainer/contract/failure.ts";
import { parseProgress } from "../trainer/contract/progress.ts";
import { type Envelope, parseEnvelope, type TrainFigures } from "../trainer/contract/report.ts";
import type { TrainFile } from "../trainer/contract/runFile.ts";
import type { StageContext } from "../trainer/stages/context.ts";

const program = fileURLToPath(new URL("../trainer/main.ts", import.meta.url));

/** Throws the training's failure, with its exit code, reason and message. */
export async function trainInProcess(
  file: TrainFile,
  claims: ReadonlyMap<string, string>,
  context: Omit<StageContext, "stores">,
): Promise<{ figures: TrainFigures; reused: boolean }> {
  const directory = await mkdtemp(path.join(tmpdir(), "luthier-train-"));
  try {
    const [runFile, terminationLog] = [path.join(directory, "run.json"), path.join(directory, "termination.json")];
    await writeFile(runFile, JSON.stringify(file));
    const status = await runTrainer(
      [
        ...["train", "--run-file", runFile, "--termination-log", terminationLog, "--threads", `${context.threads}`],
        ...(context.gpu === undefined ? [] : ["--device", "cuda"]),
        ...(context.gpu?.product === undefined ? [] : ["--gpu-class", context.gpu.product]),
        ...(context.memoryLimit === undefined ? [] : ["--memory", `${Math.floor(context.memoryLimit)}`]),
        ...[...claims].flatMap(([name, place]) => ["--claim", `${name}=${place}`]),
      ],
      context,
    );
    return resultOf(parseEnvelope(await readFile(terminationLog, "utf8").catch(() => "")), status);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Status {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

async function runTrainer(args: readonly string[], context: Omit<StageContext, "stores">): Promise<Status> {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => void child.kill("SIGKILL");
  const stop = () => void child.kill("SIGTERM");
  process.once("exit", kill);
  context.signal.addEventListener("abort", stop);
  if (context.signal.aborted) stop();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const progress = parseProgress(line);
    if (progress) context.onProgress(progress);
  });
  // The last line repeats the envelope, which the command prints itself.
  let held: string | undefined;
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (held !== undefined) context.log(held);
    held = line;
  });
  try {
    return await new Promise((resolve, reject) => {
      child.on("error", reject).on("close", (code, signal) => resolve({ code, signal }));
    });
  } finally {
    process.off("exit", kill);
    context.signal.removeEventListener("abort", stop);
  }
}

function resultOf(envelope: Envelope | undefined, status: Status): { figures: TrainFigures; reused: boolean } {
  if (envelope?.stage === "Train" && envelope.outcome === "Succeeded" && envelope.figures) {
    return { figures: envelope.figures, reused: envelope.reason === "AlreadyTrained" };
  }
  const known = Object.values(exitCode).find((code) => code === status.code) ?? exitCode.crashed;
  if (envelope) throw new StageFailure(known, envelope.reason, envelope.message);
  if (status.signal !== "SIGKILL") {
    throw new StageFailure(
      known,
      "Crashed",
      `the training process ended with ${status.signal ?? `code ${status.code}`}`,
    );
  }
  throw new StageFailure(
    exitCode.crashed,
    "Killed",
    "the training process was killed, usually because the machine's memory ran out: lower training.batchTokens or dataset.maxSequenceLength; the same command resumes from the last checkpoint",
  );
}
