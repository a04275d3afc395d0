/**
 * `luthier promote` and `luthier rollback`: choose the promoted Adapter of a FineTuneJob by spec.promotion.adapterRef. If Flux
 * or Argo CD own the FineTuneJob, they would undo the write, so the commands print the YAML for the repository instead.
 */

import { stringify } from "yaml";
import { type Adapter, type FineTuneJob, fineTuneJobs, promotedAt } from "../../operator/api/kinds.ts";
import { type Arguments, optionOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, clusterOptions, commonOptions, type Session } from "../../terminal/command.ts";
import { didYouMean } from "../../terminal/nearest.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { type Connection, connectBy } from "../cluster/connect.ts";
import { adaptersOf, jobNamed } from "../cluster/job.ts";
import { gitOwner } from "../gitOwner.ts";

const options = {
  "print-yaml": { help: "print the change as YAML and write nothing" },
  ...clusterOptions,
  help: commonOptions.help,
} as const;

const gitWords = [
  "If Flux or Argo CD own the FineTuneJob, the command writes nothing and prints the YAML for the repository.",
];

const promoteUsage = {
  command: "luthier promote",
  positionals: ["JOB", "ADAPTER?"],
  summary: "Promotes an Adapter of a FineTuneJob: that of its present settings, or ADAPTER.",
  details: [
    "Sets spec.promotion.adapterRef. While it is set, the operator promotes that Adapter for any settings and trains nothing.",
    ...gitWords,
  ],
  options: { release: { help: "remove adapterRef: the settings and the policy decide again" }, ...options },
} as const;

const rollbackUsage = {
  command: "luthier rollback",
  positionals: ["JOB"],
  summary: "Promotes the Adapter that was promoted before the present one.",
  details: [
    "Sets spec.promotion.adapterRef; `promote JOB --release` removes it. While it is set, the operator trains nothing.",
    ...gitWords,
  ],
  options: { to: { value: "REVISION", help: "another revision; `history JOB` lists them" }, ...options },
} as const;

const onInterrupt = "stopping";
export const promoteCommand: Command = { usage: promoteUsage, run: promote, onInterrupt };
export const rollbackCommand: Command = { usage: rollbackUsage, run: rollback, onInterrupt };

async function promote(args: Arguments, session: Session): Promise<number> {
  const [name = "", wanted] = args.positionals;
  const releases = args.switches.has("release");
  if (releases && wanted !== undefined) throw new UsageError("--release takes no ADAPTER");
  return await choose(args, session, name, (job, adapters) => (releases ? null : chosenAdapter(job, adapters, wanted)));
}

async function rollback(args: Arguments, session: Session): Promise<number> {
  const [name = ""] = args.positionals;
  const to = optionOf(args, "to");
  return await choose(args, session, name, (job, adapters) => earlierAdapter(job, adapters, to));
}

/** The named Adapter, or that of the present settings. Throws `UsageError`. */
export function chosenAdapter(job: FineTuneJob, adapters: readonly Adapter[], wanted: string | undefined): string {
  const names = adapters.map(({ metadata }) => metadata.name);
  const chosen = wanted ?? job.status?.currentRunRef?.adapterName;
  if (chosen === undefined) {
    throw new UsageError(
      `${job.metadata.name} has no Adapter of its present settings: name one of ${names.join(", ") || "none"}`,
    );
  }
  if (names.includes(chosen)) return chosen;
  throw new UsageError(
    `${job.metadata.name} has no Adapter ${chosen}${didYouMean(chosen, names)}; it has: ${names.join(", ") || "none"}`,
  );
}

/** The Adapter that was promoted before the present one, or that of a revision. Throws `UsageError`. */
export function earlierAdapter(job: FineTuneJob, adapters: readonly Adapter[], revision: string | undefined): string {
  const { name } = job.metadata;
  if (revision !== undefined) {
    const found = adapters.find(({ spec }) => `${spec.revision}` === revision);
    if (found !== undefined) return found.metadata.name;
    const known = adapters.map(({ spec }) => spec.revision).join(", ");
    throw new UsageError(`--to ${revision}: ${name} has no such revision; it has: ${known || "none"}`);
  }
  const present = job.status?.promotedAdapterRef?.name;
  const [earlier] = adapters
    .filter((one) => one.metadata.name !== present && promotedAt(one) !== "")
    .toSorted((a, b) => promotedAt(b).localeCompare(promotedAt(a)));
  if (earlier !== undefined) return earlier.metadata.name;
  throw new UsageError(`no other Adapter of ${name} was promoted before; --to REVISION takes any (history ${name})`);
}

/** Writes the choice (null removes it), or prints it. */
async function choose(
  args: Arguments,
  session: Session,
  name: string,
  chooseOf: (job: FineTuneJob, adapters: readonly Adapter[]) => string | null,
): Promise<number> {
  await using connection = connectBy(args);
  const job = await jobNamed(connection, name);
  const chosen = chooseOf(job, await adaptersOf(connection, job));
  const owner = await ownerOf(connection, job);
  if (owner !== undefined || args.switches.has("print-yaml")) {
    if (owner !== undefined) session.screen.print(gitAdvice(job, owner, chosen));
    session.write(yamlOf(job, chosen));
    return exitCode.done;
  }
  const { client, namespace } = connection;
  await client.mergePatch(fineTuneJobs, { namespace, name }, { spec: { promotion: promotionPatch(job, chosen) } });
  session.write(`${name}: ${chosen === null ? "its settings and policy decide again" : `promotes ${chosen}`}\n`);
  return exitCode.done;
}

/** Null removes a member. */
function promotionPatch({ spec }: FineTuneJob, chosen: string | null): object | null {
  const { adapterRef: _, ...rest } = spec.promotion ?? {};
  if (chosen === null && Object.keys(rest).length === 0) return null;
  return { adapterRef: chosen === null ? null : { name: chosen } };
}

async function ownerOf({ client, namespace }: Connection, { metadata }: FineTuneJob): Promise<string | undefined> {
  return gitOwner(metadata, await client.managers(fineTuneJobs, { namespace, name: metadata.name }));
}

const gitAdvice = ({ metadata }: FineTuneJob, owner: string, chosen: string | null) =>
  `${owner} owns ${metadata.name} and would undo a change in the cluster. ${
    chosen === null
      ? "Remove spec.promotion.adapterRef from its manifest in the repository; this is the rest of spec.promotion:"
      : "Write this into its manifest in the repository:"
  }`;

function yamlOf(job: FineTuneJob, chosen: string | null): string {
  const { adapterRef: _, ...promotion } = job.spec.promotion ?? {};
  const { namespace } = job.metadata;
  return stringify({
    apiVersion: job.apiVersion,
    kind: job.kind,
    metadata: { name: job.metadata.name, ...(namespace !== undefined && { namespace }) },
    spec: { promotion: { ...(chosen === null ? {} : { adapterRef: { name: chosen } }), ...promotion } },
  });
}
