/** `luthier watch`: shows the state of one FineTuneJob of a cluster until its end, or of all in a namespace. */

import { setTimeout as sleep } from "node:timers/promises";
import { findCondition } from "../../operator/api/conditions.ts";
import { type FineTuneJob, fineTuneJobs } from "../../operator/api/kinds.ts";
import { type Arguments, choiceOf } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  Interrupted,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { textBlock } from "../../terminal/screen.ts";
import { table } from "../../terminal/table.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { type Connection, connectBy } from "../cluster/connect.ts";
import { follow, promotedAdapter } from "../cluster/follow.ts";
import { outcomeOf } from "../cluster/outcome.ts";
import { outcomeLines } from "../ui/resultView.ts";

const usage = {
  command: "luthier watch",
  positionals: ["NAME?"],
  summary: "Follows FineTuneJobs of a cluster: state, progress, loss, speed and time left.",
  details: [
    "With NAME it ends when that job is ready (exit code 0) or has stalled (20), and prints the result. It also ends (0)",
    "when the Adapter waits for a person to promote it, and no other is promoted.",
    "Without NAME it lists all jobs of the namespace until Ctrl-C; without a terminal, once.",
  ],
  options: {
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
};

const onInterrupt = "no longer watching; the job in the cluster continues";

export const watchCommand: Command = { usage, run, onInterrupt };

const listEveryMs = 2000;

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  await using connection = connectBy(args);
  const [name] = args.positionals;
  if (name === undefined) return await watchAll(connection, format, session);
  return await watchOne(connection, name, format, session);
}

async function watchOne(
  connection: Connection,
  name: string,
  format: (typeof outputFormats)[number],
  session: Session,
): Promise<number> {
  const { ending, job } = await follow(connection, name, session.screen, session.signal);
  if (ending.kind === "failed") {
    if (format === "json") session.write(`${JSON.stringify({ name, ...ending })}\n`);
    else session.screen.print(`${name} has stalled: ${ending.reason}: ${ending.message}`);
    return exitCode.invalid;
  }
  if (ending.kind === "unpromoted") {
    session.write(format === "json" ? `${JSON.stringify({ name, ...ending })}\n` : `${name}: ${ending.note}\n`);
    return exitCode.done;
  }
  const adapter = await promotedAdapter(connection, job);
  const places = [
    ["adapter", adapter.spec.source.uri] as const,
    ...(adapter.status?.exports ?? []).map(({ name: entry, uri = "" }) => [entry, uri] as const),
  ];
  const outcome = outcomeOf(adapter, places);
  if (format === "json") {
    session.write(jsonText({ name, ...ending, adapter }));
    return exitCode.done;
  }
  if (ending.note !== undefined) session.write(`${ending.note}\nThe promoted Adapter ${adapter.metadata.name}:\n`);
  session.write(`${outcome === undefined ? `${name} is ready` : outcomeLines(outcome).join("\n")}\n`);
  return exitCode.done;
}

async function watchAll(
  { client, namespace }: Connection,
  format: (typeof outputFormats)[number],
  { screen, signal, write }: Session,
): Promise<number> {
  for (;;) {
    const { items } = await client.list(fineTuneJobs, { namespace });
    if (format === "json") {
      write(jsonText(items));
      return exitCode.done;
    }
    const lines = items.length === 0 ? [`no FineTuneJobs in namespace ${namespace}`] : table(rowsOf(items));
    if (!screen.isTerminal) {
      write(`${lines.join("\n")}\n`);
      return exitCode.done;
    }
    screen.show(textBlock(lines));
    if (!(await pause(signal))) return exitCode.done;
  }
}

/** False when the user interrupts. */
async function pause(signal: AbortSignal): Promise<boolean> {
  return await sleep(listEveryMs, true, { signal }).catch((error) => {
    if (signal.reason instanceof Interrupted) return false;
    throw error;
  });
}

function rowsOf(jobs: readonly FineTuneJob[]): string[][] {
  const row = (job: FineTuneJob) => [
    job.metadata.name,
    findCondition(job.status?.conditions, "Ready")?.status ?? "Unknown",
    job.status?.state ?? "Pending",
    job.status?.progress?.steps ?? "",
    job.status?.progress?.loss ?? "",
    job.status?.promotedAdapterRef?.name ?? "",
  ];
  return [["NAME", "READY", "STATE", "STEPS", "LOSS", "ADAPTER"], ...jobs.map(row)];
}
