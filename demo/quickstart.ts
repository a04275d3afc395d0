/**
 * The demo's second half, on a cluster that runs Luthier: inputs on volumes, demo/quickstart.yaml applied and watched to
 * its end, the result and a talk with it. The end-to-end tests run it too, in a namespace of their own.
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

/** Where it takes place; the namespace must exist. */
export interface Stand {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** A directory of this machine for what lies behind the claims; what the tests and the demo put there goes with them. */
  readonly state: string;
}

export function quickstartStages(stand: () => Stand): Stage[] {
  return [
    { title: "base model and data on a volume", run: () => provideVolumes(stand()) },
    { title: "kubectl apply -f demo/quickstart.yaml", run: () => applyQuickstart(stand()) },
  ];
}

/**
 * The pods' user owns what a volume holds, so the checkout's files are copied; with their times, since prepare tells by
 * them whether its inputs have moved.
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

/** The live view until the job has ended; then its result, the talk, and what to do next. */
export async function showQuickstart(stand: Stand, { screen, signal, write }: Session): Promise<void> {
  const { cluster, namespace, state } = stand;
  const { name } = loadFineTuneJob(demo.manifest).metadata;
  screen.print(`\nluthier watch ${name}`);
  const connection = connect(cluster.kubeconfig, namespace, cluster.environment);
  try {
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
  } finally {
    await connection.close();
  }
}

/** The directories of this machine behind the two claims of the quickstart. */
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
    "Look further:",
    ...(proxied
      ? ["  export NO_PROXY=$NO_PROXY,198.18.0.0/15    # the cluster's addresses; a proxy does not reach them"]
      : []),
    `  ${kubectl} ${where} get finetunejobs,finetuneruns,adapters`,
    `  ${kubectl} ${where} describe finetunejob ${job}`,
    `  npx --no-install luthier chat --adapter ${adapter} ${where}`,
    `Stop it (this removes ${shortPath(state)} too, and with it the adapter and the merged model: copy what you want to keep):`,
    "  npm run demo:down",
  ];
}

/** Relative to where the person stands, if it lies below. */
function shortPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? file : relative;
}
