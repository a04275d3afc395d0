/** `luthier logs`: the log of a FineTuneJob's newest pod, or of the newest one of a stage. */

import { labels, managedBy } from "../../operator/api/names.ts";
import { containerName } from "../../operator/jobs/render.ts";
import { pods } from "../../operator/jobs/resources.ts";
import { newest } from "../../operator/runtime/objects.ts";
import { type Arguments, choiceOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, clusterOptions, commonOptions, type Session } from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { connectBy } from "../cluster/connect.ts";
import { jobNamed, listAll } from "../cluster/job.ts";
import { isPodOf } from "../cluster/world.ts";

const stages = ["prepare", "check", "train", "export"] as const;

const usage = {
  command: "luthier logs",
  positionals: ["JOB"],
  summary: "Prints the log of a FineTuneJob's newest pod.",
  details: ["Progress is in JSON lines; `watch` and `plot` show it. The pod of a finished stage may be gone."],
  options: {
    stage: { value: "STAGE", help: `of this stage: ${stages.join(", ")}` },
    follow: { short: "f", help: "until the pod ends" },
    ...clusterOptions,
    help: commonOptions.help,
  },
} as const;

export const logsCommand: Command = { usage, run, onInterrupt: "no longer following; the pod continues" };

/** A pod that waits for a store may be silent for long. */
const silenceMs = 3_600_000;

async function run(args: Arguments, session: Session): Promise<number> {
  const stage = choiceOf(args, "stage", ["", ...stages], "");
  await using connection = connectBy(args);
  const { client, namespace } = connection;
  const [name = ""] = args.positionals;
  const job = await jobNamed(connection, name);
  const selector = [`${labels.managedBy}=${managedBy}`, ...(stage === "" ? [] : [`${labels.stage}=${stage}`])];
  const pod = newest((await listAll(connection, pods, selector.join(","))).filter(isPodOf(job)));
  if (pod === undefined) throw new UsageError(`${name} has no pod${stage === "" ? "" : ` of stage ${stage}`} now`);
  session.screen.print(`pod ${pod.metadata.name}`);
  const options = {
    container: containerName,
    follow: args.switches.has("follow"),
    silenceMs,
    signal: session.signal,
  };
  for await (const line of client.logLines({ namespace, name: pod.metadata.name }, options)) {
    session.write(`${line}\n`);
  }
  return exitCode.done;
}
