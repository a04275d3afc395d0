/** `luthier diff`: the effect of applying an edited manifest: which settings change, and whether anything is trained. */

import { fineTuneRuns } from "../../operator/api/kinds.ts";
import { type Arguments, choiceOf, optionOf, UsageError } from "../../terminal/arguments.ts";
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
import { pathText, valueText } from "../changes.ts";
import { connectBy } from "../cluster/connect.ts";
import { adaptersOf, jobNamed, listAll } from "../cluster/job.ts";
import { type Edit, editOf, effects } from "../edit.ts";
import { loadFineTuneJob } from "../fineTuneJob.ts";

const usage = {
  command: "luthier diff",
  positionals: ["MANIFEST"],
  summary:
    "Shows the effect of applying an edited FineTuneJob: the settings that change, and whether anything is trained.",
  details: [
    "Compares MANIFEST with the FineTuneJob of that name in the cluster, with all defaults written out, by the hashes that the",
    "operator decides by. Writes nothing.",
  ],
  options: {
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const diffCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const manifest = loadFineTuneJob(args.positionals[0] ?? "");
  await using opened = connectBy(args);
  const connection = { ...opened, namespace: namespaceOf(args, manifest.metadata.namespace, opened.namespace) };
  const job = await jobNamed(connection, manifest.metadata.name);
  const [adapters, runs] = [await adaptersOf(connection, job), await listAll(connection, fineTuneRuns)];
  const edit = editOf(job, manifest.spec, { adapters, runs });
  session.write(format === "json" ? jsonText(edit) : `${editLines(edit).join("\n")}\n`);
  return exitCode.done;
}

/** That of the manifest, as kubectl apply takes it. */
function namespaceOf(args: Arguments, written: string | undefined, current: string): string {
  const given = optionOf(args, "namespace");
  if (given !== undefined && written !== undefined && given !== written) {
    throw new UsageError(`the manifest is for namespace ${written}, but --namespace is ${given}`);
  }
  return written ?? current;
}

function editLines({ changes, outcome }: Edit): string[] {
  const rows = changes.map(({ path, before, after, effect }) => [
    `spec.${pathText(path)}`,
    valueText(before),
    valueText(after),
    effects[effect],
  ]);
  return [...(rows.length === 0 ? [] : [...table([["SETTING", "NOW", "THEN", "EFFECT"], ...rows]), ""]), outcome];
}
