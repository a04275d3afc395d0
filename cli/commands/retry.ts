/** `luthier retry`: makes the operator try again what failed of a FineTuneJob, after its cause is fixed. */

import { adapters, fineTuneJobs, fineTuneRuns } from "../../operator/api/kinds.ts";
import { annotations } from "../../operator/api/names.ts";
import { type Arguments, UsageError } from "../../terminal/arguments.ts";
import { type Command, clusterOptions, commonOptions, type Session } from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { type Connection, connectBy } from "../cluster/connect.ts";
import { jobNamed } from "../cluster/job.ts";
import { type Retry, retryOf } from "../retry.ts";

const usage = {
  command: "luthier retry",
  positionals: ["JOB"],
  summary: "Retries what failed of a stalled FineTuneJob: reading its inputs, its training, or an export.",
  details: [
    "A training resumes from its last checkpoint: its failed FineTuneRun is deleted, and the operator makes it anew.",
  ],
  options: {
    ...clusterOptions,
    help: commonOptions.help,
  },
} as const;

export const retryCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  await using connection = connectBy(args);
  const [name = ""] = args.positionals;
  const { client, namespace } = connection;
  const job = await jobNamed(connection, name);
  const runName = job.status?.currentRunRef?.name;
  const current = runName === undefined ? undefined : await client.get(fineTuneRuns, { namespace, name: runName });
  const retry = retryOf(job, current);
  if (retry.kind === "none") throw new UsageError(`${name}: ${retry.why}`);
  await carryOut(connection, name, retry);
  session.write(`${name}: ${wordsOf(retry)}\n`);
  return exitCode.done;
}

async function carryOut({ client, namespace }: Connection, job: string, retry: Retry): Promise<void> {
  const asked = { metadata: { annotations: { [annotations.requestedAt]: new Date().toISOString() } } };
  switch (retry.kind) {
    case "deleteRun": {
      const failed = await client.get(fineTuneRuns, { namespace, name: retry.run });
      if (failed !== undefined) await client.delete(fineTuneRuns, failed);
      return;
    }
    case "readInputs":
      await client.mergePatch(fineTuneJobs, { namespace, name: job }, asked);
      return;
    case "export":
      await client.mergePatch(adapters, { namespace, name: retry.adapter }, asked);
      return;
    case "none":
  }
}

function wordsOf(retry: Retry): string {
  switch (retry.kind) {
    case "deleteRun":
      return `${retry.run} is deleted; the operator starts it anew, from its last checkpoint`;
    case "readInputs":
      return "the operator reads the inputs again";
    case "export":
      return `the operator makes the failed exports of ${retry.adapter} again`;
    case "none":
      return retry.why;
  }
}
