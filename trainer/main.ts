/**
 * The trainer's process: does one stage of a run file. Progress goes to standard output as JSON lines, words for people to
 * standard error, the envelope to the termination log; the exit code says what to do next (contract/exitCodes.ts).
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { exitCode } from "./contract/exitCodes.ts";
import { formatProgress, type Progress } from "./contract/progress.ts";
import { type RunFile, runFile } from "./contract/runFile.ts";
import { invalid, messageOf } from "./failure.ts";
import { serveMetrics } from "./metricsServer.ts";
import { failureOutcome, type Outcome, runStage } from "./stages/outcome.ts";
import { Stores } from "./stores/stores.ts";

const help = `Usage: trainer/main.ts (prepare | train | export) --run-file FILE [OPTION…]

  --run-file FILE          what to do (contract/runFile.ts), as YAML or JSON
  --claim NAME=DIRECTORY   where pvc://NAME lies; else $LUTHIER_CLAIMS/NAME, else /luthier/claims/NAME
  --threads N              worker threads; 0, the default, takes the cores granted
  --metrics-port N         serve Prometheus metrics on this port
  --termination-log FILE   where the envelope is written; else $TERMINATION_LOG, else /dev/termination-log if there is one
  --help
`;

const stageOf = { prepare: "Prepare", train: "Train", export: "Export" } as const;
type Command = keyof typeof stageOf;

interface Arguments {
  command: Command;
  runFile: string;
  claims: ReadonlyMap<string, string>;
  threads: number;
  metricsPort: number | undefined;
  terminationLog: string | undefined;
}

const log = (line: string) => process.stderr.write(`${line}\n`);

/** The process's arguments; undefined when help was asked for. Throws a failure that names the argument. */
function readArguments(argv: string[]): Arguments | undefined {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      "run-file": { type: "string" },
      claim: { type: "string", multiple: true },
      threads: { type: "string" },
      "metrics-port": { type: "string" },
      "termination-log": { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return undefined;
  const [command] = positionals;
  if (positionals.length !== 1 || !isCommand(command)) {
    throw invalid("InvalidArguments", "say one of prepare, train and export; --help says more");
  }
  if (values["run-file"] === undefined) throw invalid("InvalidArguments", "--run-file FILE is needed");
  return {
    command,
    runFile: values["run-file"],
    claims: new Map((values.claim ?? []).map(readClaim)),
    threads: readNumber("--threads", values.threads, 1024) ?? 0,
    metricsPort: readNumber("--metrics-port", values["metrics-port"], 65535),
    terminationLog: values["termination-log"] ?? process.env.TERMINATION_LOG,
  };
}

const isCommand = (word: string | undefined): word is Command => word !== undefined && Object.hasOwn(stageOf, word);

function readClaim(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw invalid("InvalidArguments", `--claim ${text}: not NAME=DIRECTORY`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw invalid("InvalidArguments", `${name} ${text}: not a whole number from 0 to ${max}`);
}

/** Reads the run file of a command. Throws a failure that names the field. */
async function readRunFile(path: string, command: Command): Promise<RunFile> {
  const parsed = runFile.safeParse(parseYaml(await readFile(path, "utf8")));
  if (!parsed.success) throw invalid("InvalidRunFile", `${path}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.stage === stageOf[command]) return parsed.data;
  throw invalid("InvalidRunFile", `${path}: is for stage ${parsed.data.stage}, the command is ${command}`);
}

/** Signals ask for a stop at the next safe point. */
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

async function run(args: Arguments): Promise<Outcome> {
  const stage = stageOf[args.command];
  let closeMetrics = async () => {};
  try {
    const file = await readRunFile(args.runFile, args.command);
    const metrics = args.metricsPort === undefined ? undefined : await serveMetrics(args.metricsPort, file);
    if (metrics) closeMetrics = metrics.close;
    const onProgress = (progress: Progress) => {
      process.stdout.write(`${formatProgress(progress)}\n`);
      metrics?.observe(progress);
    };
    const { claims, threads } = args;
    return await runStage(file, { stores: new Stores({ claims }), onProgress, log, signal: stopSignal(), threads });
  } catch (error) {
    return failureOutcome(stage, error);
  } finally {
    await closeMetrics();
  }
}

const kubernetesLog = "/dev/termination-log";

async function writeEnvelope({ envelope }: Outcome, given: string | undefined): Promise<void> {
  const path = given ?? (existsSync(kubernetesLog) ? kubernetesLog : undefined);
  if (path === undefined) return;
  await writeFile(path, JSON.stringify(envelope)).catch((error) => log(`${path}: ${messageOf(error)}`));
}

async function main(): Promise<number> {
  let args: Arguments | undefined;
  try {
    args = readArguments(process.argv.slice(2));
  } catch (error) {
    log(messageOf(error));
    return exitCode.invalid;
  }
  if (!args) {
    process.stdout.write(help);
    return exitCode.done;
  }
  const outcome = await run(args);
  log(`${outcome.envelope.outcome}: ${outcome.envelope.reason}: ${outcome.envelope.message}`);
  await writeEnvelope(outcome, args.terminationLog);
  return outcome.code;
}

process.exitCode = await main();
