/**
 * The demo's second half, on a cluster that runs Luthier: puts the inputs on volumes, applies demo/quickstart.yaml, watches
 * it to its end, shows the result and chats with it. The end-to-end tests run it too, in a separate namespace.
 */
import { cpSync } from "node:fs";
import path from "node:path";
import { connect } from "../cli/cluster/connect.ts";
import { follow, promotedAdapter } from "../cli/cluster/follow.ts";
import { outcomeOf } from "../cli/cluster/outcome.ts";
import { loadFineTuneJob, localPath } from "../cli/fineTuneJob.ts";
import { speakerOfAdapter } from "../cli/speaker.ts";
import { outcomeLines } from "../cli/ui/resultView.ts";
import type { Adapter } from "../operator/api/kinds.ts";
import type { Session } from "../terminal/command.ts";
import type { Stage } from "../terminal/stages.ts";
import type { Cluster } from "../test/cluster/cluster.ts";
import { provideDirectory } from "../test/cluster/volume.ts";
import { beforeAndAfter, speakerOptions } from "./beforeAfter.ts";
import { demo } from "./places.ts";

/** The cluster and the namespace, which must exist. */
export interface Stand {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** A directory of this machine for the volumes of the claims; the tests and the demo remove it at their end. */
  readonly state: string;
}

export function quickstartStages(stand: () => Stand): Stage[] {
  return [
    { title: "base model and data on a volume", run: () => provideVolumes(stand()) },
    { title: "kubectl apply -f demo/quickstart.yaml", run: () => applyQuickstart(stand()) },
  ];
}

/**
 * Copies the checkout's files, because the pods' user must own the files of a volume. Keeps their times, by which prepare
 * detects changed inputs.
 */
async function provideVolumes({ cluster, namespace, state }: Stand): Promise<undefined> {
  const claims = claimsIn(state);
  for (const part of ["base/model", "data"]) {
    cpSync(path.join(demo.inputs, part), path.join(claims[demo.inputsClaim], part), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  for (const [claim, directory] of Object.entries(claims)) {
    await provideDirectory(cluster, { namespace, claim, directory });
  }
  return undefined;
}

async function applyQuickstart({ cluster, namespace }: Stand): Promise<string> {
  return (await cluster.kubectl(["apply", "--namespace", namespace, "-f", demo.manifest])).trim();
}

/** Shows the live view until the job has ended, then its result, the chat, and the next steps. */
export async function showQuickstart(stand: Stand, { screen, signal, write }: Session): Promise<void> {
  const { cluster, namespace, state } = stand;
  const { name } = loadFineTuneJob(demo.manifest).metadata;
  screen.print(`\nluthier watch ${name}`);
  await using connection = connect(cluster.kubeconfig, namespace, cluster.environment);
  const { ending, job } = await follow(connection, name, screen, signal);
  if (ending.kind === "failed") throw new Error(`${name}: ${ending.reason}: ${ending.message}`);
  const adapter = await promotedAdapter(connection, job);
  const claims = new Map(Object.entries(claimsIn(state)));
  const outcome = outcomeOf(adapter, placesOf(adapter, claims));
  write(`\n${outcome === undefined ? adapter.metadata.name : outcomeLines(outcome).join("\n")}\n`);
  const talk = await beforeAndAfter(
    demo.testFile,
    () => speakerOfAdapter(adapter, claims, { ...speakerOptions, withoutAdapter: true }),
    () => speakerOfAdapter(adapter, claims, speakerOptions),
    signal,
  );
  write(`\n${talk.join("\n")}\n`);
  write(`\n${nextSteps(stand, name, adapter.metadata.name).join("\n")}\n`);
}

/** The directories of this machine for the two claims of the quickstart. */
const claimsIn = (state: string) => ({
  [demo.inputsClaim]: path.join(state, "inputs"),
  [demo.storeClaim]: path.join(state, "store"),
});

function placesOf({ spec, status }: Adapter, claims: ReadonlyMap<string, string>): [string, string][] {
  const exports = status?.exports ?? [];
  return [
    ["adapter", localPath(spec.source.uri, claims)],
    ...exports.flatMap(({ name, uri }): [string, string][] =>
      uri === undefined ? [] : [[name, localPath(uri, claims)]],
    ),
  ];
}

function nextSteps({ cluster, namespace, state }: Stand, job: string, adapter: string): string[] {
  const [file, kubectl] = [cluster.kubeconfig, cluster.programs.kubectl].map(shortPath);
  const proxied = process.env.https_proxy !== undefined;
  const where = `--kubeconfig ${file}${namespace === "default" ? "" : ` --namespace ${namespace}`}`;
  return [
    "Next steps:",
    ...(proxied
      ? ["  export NO_PROXY=$NO_PROXY,198.18.0.0/15    # the cluster's addresses, which a proxy cannot reach"]
      : []),
    `  ${kubectl} ${where} get finetunejobs,finetuneruns,adapters`,
    `  ${kubectl} ${where} describe finetunejob ${job}`,
    `  npx --no-install luthier chat --adapter ${adapter} ${where}`,
    `Stop it (this also removes ${shortPath(state)} with the adapter and the merged model; copy what you want to keep):`,
    "  npm run demo:down",
  ];
}

/** Relative to the current directory, if it is below it. */
function shortPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? file : relative;
}
