/** `luthier history`: the Adapters of a FineTuneJob, and its runs that have none. */

import type { Adapter, FineTuneJob, FineTuneRun } from "../../operator/api/kinds.ts";
import { annotations } from "../../operator/api/names.ts";
import { type Arguments, choiceOf } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { table } from "../../terminal/table.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { connectBy } from "../cluster/connect.ts";
import { adaptersOf, jobNamed, runsOf } from "../cluster/job.ts";

const usage = {
  command: "luthier history",
  positionals: ["JOB"],
  summary: "Lists the revisions of a FineTuneJob, which of them is promoted, and runs without an Adapter.",
  options: {
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const historyCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  await using connection = connectBy(args);
  const job = await jobNamed(connection, args.positionals[0] ?? "");
  const rows = historyOf(job, await adaptersOf(connection, job), await runsOf(connection, job));
  if (format === "json") session.write(jsonText(rows));
  else if (rows.length === 0) session.write(`${job.metadata.name} has neither Adapters nor runs yet\n`);
  else session.write(`${table(cellsOf(rows)).join("\n")}\n`);
  return exitCode.done;
}

export interface Row {
  readonly revision?: number;
  /** The Adapter, or the run that has none. */
  readonly name: string;
  readonly promoted: boolean;
  readonly state: string;
  readonly createdAt: string | undefined;
  readonly promotedAt?: string | undefined;
  readonly steps?: string | undefined;
  readonly loss?: string | undefined;
  readonly evalLoss?: string | undefined;
  readonly exactMatch?: string | undefined;
}

/** Runs without an Adapter first: they are the newest, or failed. */
export function historyOf({ status }: FineTuneJob, adapters: readonly Adapter[], runs: readonly FineTuneRun[]): Row[] {
  const trained = new Set(adapters.map(({ spec }) => spec.provenance.runName));
  const open = runs
    .filter(({ metadata }) => !trained.has(metadata.name))
    .map(({ metadata, status: is }) => ({
      name: metadata.name,
      promoted: false,
      state: is?.state ?? "Pending",
      createdAt: metadata.creationTimestamp,
      steps: is?.progress?.steps,
      loss: is?.progress?.loss,
      evalLoss: is?.progress?.evalLoss,
    }));
  const revisions = adapters.map(({ metadata, spec, status: is }) => ({
    revision: spec.revision,
    name: metadata.name,
    promoted: status?.promotedAdapterRef?.name === metadata.name,
    state: is?.state ?? "Pending",
    createdAt: metadata.creationTimestamp,
    promotedAt: metadata.annotations?.[annotations.promotedAt],
    steps: spec.results === undefined ? undefined : `${spec.results.steps}`,
    loss: spec.results?.loss,
    evalLoss: spec.results?.evalLoss,
    exactMatch: spec.results?.evaluation?.after,
  }));
  return [...open, ...revisions];
}

function cellsOf(rows: readonly Row[]): string[][] {
  const heads = ["", "REV", "NAME", "STATE", "CREATED", "PROMOTED", "STEPS", "LOSS", "EVALLOSS", "EXACTMATCH"];
  const cells = rows.map((row) => [
    row.promoted ? "*" : "",
    `${row.revision ?? ""}`,
    row.name,
    row.state,
    row.createdAt ?? "",
    row.promotedAt ?? "",
    row.steps ?? "",
    row.loss ?? "",
    row.evalLoss ?? "",
    row.exactMatch ?? "",
  ]);
  return [heads, ...cells];
}
