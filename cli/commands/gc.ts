/**
 * `luthier gc`: lists the files that an artifact store no longer needs, and removes them with --delete. It errs on the side
 * of keeping: it removes only old, unreferenced files, and with a cluster those that none of its objects names.
 */
import { adapters, type FineTuneJob, fineTuneJobs, fineTuneRuns } from "../../operator/api/kinds.ts";
import { type Arguments, choiceOf, integerOf, refuseWithout } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { formatBytes } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import { classified } from "../../trainer/stages/classify.ts";
import { findGarbage, type Garbage, type Live, removeGarbage } from "../../trainer/stores/garbage.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { type Connection, connectBy } from "../cluster/connect.ts";
import { localPath, readClaims } from "../fineTuneJob.ts";
import { placeOf } from "../places.ts";

const usage = {
  command: "luthier gc",
  positionals: ["STORE"],
  summary: "Lists files that an artifact store no longer needs, and removes them with --delete.",
  details: [
    "STORE is the directory or URI of one namespace's artifacts: spec.artifacts.uri, a slash, the namespace.",
    "The command finds objects without a reference from a run or a prepared input, and unfinished files of killed processes.",
    "With --cluster also runs and prepared inputs that no FineTuneJob, FineTuneRun or Adapter of that namespace names.",
    "  luthier gc s3://models/luthier/team --cluster --namespace team",
  ],
  options: {
    delete: { help: "remove the files; without this they are only listed" },
    days: { value: "N", help: "only files older than N days; default: 7" },
    cluster: { help: "ask the cluster which runs and inputs its objects name" },
    ...clusterOptions,
    claim: commonOptions.claim,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const gcCommand: Command = { usage, run, onInterrupt: "stopping; removed files stay removed" };

const dayMs = 86_400_000;

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const days = integerOf(args, "days", 0, 3650, 7);
  const asksCluster = args.switches.has("cluster");
  if (!asksCluster) refuseWithout("--cluster", args, ["kubeconfig", "context", "namespace"]);
  const { uri: root, claims } = placeOf(args.positionals[0] ?? "", "luthier-artifacts");
  const all = new Map([...readClaims(args.values.get("claim") ?? []), ...claims]);
  const stores = new Stores({ claims: all, log: (line) => session.screen.print(line), signal: session.signal });
  const live = asksCluster ? () => liveOf(args) : undefined;
  const options = { stores, root, place: localPath(root, all), before: Date.now() - days * dayMs, live };
  const { garbage, files, unknownRun } = await classified(() => findGarbage(options));
  const removed: Garbage[] = [];
  if (args.switches.has("delete")) {
    const onRemoved = (one: Garbage) => {
      session.signal.throwIfAborted();
      removed.push(one);
    };
    await classified(() => removeGarbage(options, garbage, onRemoved));
  }
  const bytes = garbage.reduce((sum, one) => sum + one.bytes, 0);
  if (format === "json") {
    session.write(jsonText({ garbage, files, bytes, removed: removed.length, ...(unknownRun && { unknownRun }) }));
    return 0;
  }
  if (unknownRun) session.screen.print(`run ${unknownRun} does not list its inputs: no object is treated as garbage`);
  if (files === 0) {
    const hint = "if it should hold artifacts, check the path: spec.artifacts.uri, a slash, the namespace";
    session.write(`${options.place}: contains no files; ${hint}\n`);
    return 0;
  }
  session.write(`${lines(garbage, bytes, args.switches.has("delete")).join("\n")}\n`);
  return 0;
}

function lines(garbage: readonly Garbage[], bytes: number, deleted: boolean): string[] {
  if (garbage.length === 0) return ["nothing to remove"];
  const rows = garbage.map(({ path, bytes: size, reason }) => [`  ${path}`, formatBytes(size), reason]);
  const end = deleted ? "removed" : "could be removed; run the same command with --delete";
  return [
    ...table(rows, [1]),
    `${garbage.length} ${garbage.length === 1 ? "file" : "files"}, ${formatBytes(bytes)}: ${end}`,
  ];
}

async function liveOf(args: Arguments): Promise<Live> {
  await using connection = connectBy(args);
  return await namedIn(connection);
}

async function namedIn({ client, namespace }: Connection): Promise<Live> {
  const [jobs, runs, made] = [
    (await client.list(fineTuneJobs, { namespace })).items,
    (await client.list(fineTuneRuns, { namespace })).items,
    (await client.list(adapters, { namespace })).items,
  ];
  const pins = [
    ...jobs.flatMap(({ status }: FineTuneJob) => status?.pins ?? []),
    ...runs.map(({ spec }) => spec.pins),
    ...made.map(({ spec }) => spec.provenance),
  ];
  const digests = pins.flatMap(({ baseDigest, datasetDigest, evaluationSetDigest }) => [
    baseDigest,
    datasetDigest,
    ...(evaluationSetDigest === undefined ? [] : [evaluationSetDigest]),
  ]);
  return {
    runHashes: new Set([...runs.map(({ spec }) => spec.runHash), ...made.map(({ spec }) => spec.provenance.runHash)]),
    prepareKeys: new Set(pins.map(({ prepareKey }) => prepareKey)),
    digests: new Set(digests),
  };
}
