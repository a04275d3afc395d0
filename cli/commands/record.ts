/** `luthier record`: records finished trainings of a cluster in an experiment tracker. */
import { adapters, fineTuneRuns } from "../../operator/api/kinds.ts";
import { type Arguments, choiceOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { usualPatience } from "../../trainer/stores/http.ts";
import { connectBy } from "../cluster/connect.ts";
import { listAll } from "../cluster/job.ts";
import { Mlflow } from "../tracking/mlflow.ts";
import { trackedRun } from "../tracking/record.ts";

const usage = {
  command: "luthier record",
  positionals: ["ADAPTER…?"],
  summary: "Records Adapters in MLflow, each as a run: parameters, figures, curves and digests.",
  details: [
    "Default: all Adapters of the namespace that MLflow lacks. Each is recorded once; a run that was deleted in MLflow stays deleted.",
    "Credentials are those of MLflow's own clients: MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN.",
    "Settings are those of the FineTuneRun: if it is gone, they are missing.",
    "  luthier record --mlflow https://mlflow.example --experiment support-bots",
  ],
  options: {
    mlflow: { value: "URL", help: "the server; default: $MLFLOW_TRACKING_URI" },
    experiment: { value: "NAME", help: "the experiment, created if it is missing; default: luthier" },
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const recordCommand: Command = { usage, run, onInterrupt: "stopping; the same command records the rest" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const url = optionOf(args, "mlflow") ?? process.env.MLFLOW_TRACKING_URI;
  if (!url) throw new UsageError("--mlflow URL or $MLFLOW_TRACKING_URI is needed: the address of the MLflow server");
  const onRetry = (line: string) => session.screen.print(line);
  const mlflow = new Mlflow({
    ...{ url, experiment: optionOf(args, "experiment") ?? "luthier", environment: process.env },
    patience: { ...usualPatience, onRetry, signal: session.signal },
  });
  const recorded: string[] = [];
  const known: string[] = [];
  for (const one of await runsOf(args)) {
    session.signal.throwIfAborted();
    ((await mlflow.record(one)) ? recorded : known).push(one.name);
  }
  if (format === "json") session.write(jsonText({ recorded, known }));
  else session.write([...recorded.map((name) => `${name}: recorded\n`), `${known.length} known before\n`].join(""));
  return exitCode.done;
}

async function runsOf(args: Arguments) {
  await using connection = connectBy(args);
  const all = await listAll(connection, adapters);
  const missing = args.positionals.find((name) => !all.some(({ metadata }) => metadata.name === name));
  if (missing !== undefined)
    throw new UsageError(`there is no Adapter ${missing} in namespace ${connection.namespace}`);
  const runs = new Map((await listAll(connection, fineTuneRuns)).map((one) => [one.metadata.name, one]));
  return all
    .filter(({ metadata }) => args.positionals.length === 0 || args.positionals.includes(metadata.name))
    .map((adapter) => trackedRun(adapter, runs.get(adapter.spec.provenance.runName)));
}
