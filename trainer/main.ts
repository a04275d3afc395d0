/**
 * The trainer's process: runs one stage of a run file. It prints progress to standard output as JSON lines and messages
 * for people to standard error, and writes the envelope to the termination log. contract/exitCodes.ts defines its exit
 * codes.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parse as parseYaml, YAMLParseError } from "yaml";
import { z } from "zod";
import { type Arguments, help, readArguments } from "./arguments.ts";
import { curvesOf, formatCurves } from "./contract/curves.ts";
import { exitCode } from "./contract/exitCodes.ts";
import { invalid, messageOf } from "./contract/failure.ts";
import { formatProgress, type Progress } from "./contract/progress.ts";
import { type RunFile, runFileSchema, type TrainFile } from "./contract/runFile.ts";
import { storeLayout } from "./contract/storeLayout.ts";
import { type MetricsServer, serveMetrics } from "./metricsServer.ts";
import { failureOutcome, type Outcome, runStage } from "./stages/outcome.ts";
import { Stores } from "./stores/stores.ts";
import { readMetrics } from "./training/metrics.ts";
import { keepHeapSmall } from "./training/peakMemory.ts";

const log = (line: string) => process.stderr.write(`${line}\n`);

/** Reads the run file of a stage. Throws a failure that names the field. */
async function readRunFile({ runFile: path, stage }: Arguments): Promise<RunFile> {
  const parsed = runFileSchema.safeParse(yamlOf(path, await readText(path)));
  if (!parsed.success) throw invalid("InvalidRunFile", `${path}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.stage === stage) return parsed.data;
  throw invalid("InvalidRunFile", `${path}: is for stage ${parsed.data.stage}, but the command is for ${stage}`);
}

/** Does not use the parser's message, because it quotes lines of the file. */
function yamlOf(path: string, text: string): unknown {
  try {
    return parseYaml(text, { prettyErrors: true });
  } catch (error) {
    const [start] = error instanceof YAMLParseError ? (error.linePos ?? []) : [];
    throw invalid("InvalidRunFile", `${path}: not YAML${start ? `: line ${start.line}, column ${start.col}` : ""}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw invalid("InvalidRunFile", `--run-file: ${messageOf(error)}`);
  }
}

/** A signal requests a stop at the next safe point. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      log(`${name}: stopping at the next safe point`);
      controller.abort();
    });
  }
  return controller.signal;
}

async function run(args: Arguments, signal: AbortSignal): Promise<Outcome> {
  let metrics: MetricsServer | undefined;
  try {
    const file = await readRunFile(args);
    if (args.metricsPort !== undefined) metrics = await serveMetrics(args.metricsPort, file);
    const onProgress = (progress: Progress) => {
      process.stdout.write(`${formatProgress(progress)}\n`);
      metrics?.observe(progress);
    };
    const { claims, threads, memory, gpu } = args;
    const stores = new Stores({ claims, locations: file.locations ?? [], log });
    const outcome = await runStage(file, {
      stores,
      onProgress,
      log,
      signal,
      threads,
      ...(memory !== undefined && { memoryLimit: memory }),
      ...(gpu && { gpu }),
    });
    if (file.stage === "Train" && outcome.code === exitCode.done) await printCurves(file, stores);
    return outcome;
  } catch (error) {
    return failureOutcome(args.stage, error);
  } finally {
    await metrics?.close();
  }
}

/** Prints the curves for the operator. The training is finished without them too. */
async function printCurves({ artifactRoot, runHash }: TrainFile, stores: Stores): Promise<void> {
  try {
    const curves = curvesOf(await readMetrics(stores, storeLayout.run(artifactRoot, runHash)));
    process.stdout.write(`${formatCurves(runHash, curves)}\n`);
  } catch (error) {
    log(`the curves of the training cannot be read: ${messageOf(error)}`);
  }
}

const kubernetesLog = "/dev/termination-log";

async function writeEnvelope({ envelope }: Outcome, given: string | undefined): Promise<void> {
  const path = given ?? process.env.TERMINATION_LOG ?? (existsSync(kubernetesLog) ? kubernetesLog : undefined);
  if (path === undefined) return;
  await writeFile(path, JSON.stringify(envelope)).catch((error) => log(`${path}: ${messageOf(error)}`));
}

async function main(): Promise<number> {
  keepHeapSmall();
  const signal = stopSignal();
  let args: Arguments | undefined;
  try {
    args = readArguments(process.argv.slice(2));
  } catch (error) {
    log(messageOf(error));
    return exitCode.usage;
  }
  if (!args) {
    process.stdout.write(help);
    return exitCode.done;
  }
  const outcome = await run(args, signal);
  log(`${outcome.envelope.outcome}: ${outcome.envelope.reason}: ${outcome.envelope.message}`);
  await writeEnvelope(outcome, args.terminationLog);
  return outcome.code;
}

process.exitCode = await main();
