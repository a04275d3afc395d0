/**
 * The demo on a real cluster of this machine: from a fresh Debian to a ready Adapter. Every stage is idempotent, so an
 * interrupted demo is gone on with by starting it again.
 */
import { cpSync } from "node:fs";
import path from "node:path";
import { connect } from "../cli/cluster/connect.ts";
import { follow, promotedAdapter } from "../cli/cluster/follow.ts";
import { outcomeOf } from "../cli/cluster/outcome.ts";
import type { Session } from "../cli/command.ts";
import { loadFineTuneJob, localPath } from "../cli/fineTuneJob.ts";
import { speakerOfAdapter } from "../cli/speaker.ts";
import { outcomeLines } from "../cli/ui/resultView.ts";
import { type Report, runStages, type Stage } from "../cli/ui/stages.ts";
import { buildImages } from "../images/build.ts";
import type { Adapter } from "../operator/api/kinds.ts";
import { type Cluster, startCluster } from "../test/cluster/cluster.ts";
import { provideDirectory } from "../test/cluster/volume.ts";
import { beforeAndAfter, speakerOptions } from "./beforeAfter.ts";
import { machineStages } from "./machine.ts";
import { demo, repository } from "./places.ts";

const namespace = "default";
const operatorNamespace = "luthier-system";

export async function clusterDemo(session: Session): Promise<void> {
  const { screen, signal, write } = session;
  screen.print(
    "Luthier's demo: a real Kubernetes on this machine, and a small model that learns to tell spam from ham.",
  );
  screen.print("Everything it starts is removed by `npm run demo:down`; installed packages and the cache stay.\n");
  const started: { cluster?: Cluster } = {};
  await runStages(screen, [...(await machineStages("cluster", screen, signal)), ...clusterStages(started, signal)], {
    signal,
  });
  const { cluster } = started;
  if (cluster === undefined) throw new Error("the cluster did not start");
  const { name } = loadFineTuneJob(demo.manifest).metadata;
  screen.print(`\nluthier watch ${name}`);
  const connection = connect(cluster.kubeconfig, namespace);
  try {
    const { ending, job } = await follow(connection, name, screen, signal);
    if (ending.kind === "failed") throw new Error(`${name}: ${ending.reason}: ${ending.message}`);
    const adapter = await promotedAdapter(connection, job);
    const outcome = outcomeOf(adapter, placesOf(adapter));
    write(`\n${outcome === undefined ? adapter.metadata.name : outcomeLines(outcome).join("\n")}\n`);
    const talk = await beforeAndAfter(
      demo.testFile,
      () => speakerOfAdapter(adapter, clusterClaims, { ...speakerOptions, withoutAdapter: true }),
      () => speakerOfAdapter(adapter, clusterClaims, speakerOptions),
      signal,
    );
    write(`\n${talk.join("\n")}\n`);
    write(`\n${nextSteps(cluster, adapter.metadata.name).join("\n")}\n`);
  } finally {
    await connection.close();
  }
}

function clusterStages(started: { cluster?: Cluster }, signal: AbortSignal): Stage[] {
  const cluster = () => {
    if (started.cluster === undefined) throw new Error("the cluster is not started");
    return started.cluster;
  };
  return [
    {
      title: "cluster: control plane and node",
      async run(report) {
        started.cluster = await startCluster({ name: demo.clusterName, onProgress: report, signal });
        return undefined;
      },
    },
    {
      title: "operator: the Helm chart",
      run: (report) => installOperator(cluster(), report),
    },
    {
      title: "base model and data on a volume",
      run: () => provideVolumes(cluster(), { namespace, inputs: demo.clusterInputs, store: demo.clusterStore }),
    },
    {
      title: "kubectl apply -f demo/quickstart.yaml",
      run: async () => (await cluster().kubectl(["apply", "-n", namespace, "-f", demo.manifest])).trim(),
    },
  ];
}

async function installOperator(cluster: Cluster, report: Report): Promise<undefined> {
  const say = (message: string) => report({ message });
  const { operator, trainer } = await buildImages({ onProgress: report });
  for (const image of [operator, trainer]) {
    say(`loading ${image.name}`);
    await cluster.loadImage(image.archive);
  }
  await removeHalfInstalled(cluster);
  say("helm upgrade --install luthier charts/luthier");
  const values = [...imageValues("operator", operator.name), ...imageValues("trainer", trainer.name)];
  await cluster.helm([
    ...["upgrade", "--install", "luthier", path.join(repository, "charts/luthier")],
    ...["--namespace", operatorNamespace, "--create-namespace", "--wait", "--timeout", "3m"],
    ...values.flatMap((value) => ["--set", value]),
  ]);
  return undefined;
}

/** A helm that was interrupted leaves a release that no other helm touches. Definitions and Adapters stay. */
async function removeHalfInstalled(cluster: Cluster): Promise<void> {
  const inNamespace = ["--namespace", operatorNamespace];
  const pending = await cluster.helm(["list", "--pending", "--short", ...inNamespace]);
  if (pending.trim() !== "") await cluster.helm(["uninstall", "luthier", "--wait", ...inNamespace]);
}

/** The chart's values for an image by its whole name. Pure. */
export function imageValues(which: "operator" | "trainer", name: string): string[] {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/(.+):([^:/]+)$/.exec(name) ?? [];
  return [`registry=${registry}`, `repository=${repository}`, `tag=${tag}`].map((value) => `images.${which}.${value}`);
}

/**
 * The pods' user owns what a volume holds, so the checkout's files are copied; with their times, since prepare tells by
 * them whether its inputs have moved.
 */
export async function provideVolumes(cluster: Cluster, { namespace, inputs, store }: Volumes): Promise<undefined> {
  for (const part of ["base/model", "data"]) {
    cpSync(path.join(demo.inputs, part), path.join(inputs, part), { recursive: true, preserveTimestamps: true });
  }
  await provideDirectory(cluster, { namespace, claim: demo.inputsClaim, directory: inputs });
  await provideDirectory(cluster, { namespace, claim: demo.storeClaim, directory: store });
  return undefined;
}

interface Volumes {
  readonly namespace: string;
  /** Directories of this machine behind the two claims of the quickstart. */
  readonly inputs: string;
  readonly store: string;
}

const clusterClaims: ReadonlyMap<string, string> = new Map([
  [demo.inputsClaim, demo.clusterInputs],
  [demo.storeClaim, demo.clusterStore],
]);

function placesOf({ spec, status }: Adapter): [string, string][] {
  const exports = status?.exports ?? [];
  return [
    ["adapter", localPath(spec.source.uri, clusterClaims)],
    ...exports.flatMap(({ name, uri }): [string, string][] =>
      uri === undefined ? [] : [[name, localPath(uri, clusterClaims)]],
    ),
  ];
}

function nextSteps({ kubeconfig, programs }: Cluster, adapter: string): string[] {
  const [file, kubectl] = [kubeconfig, programs.kubectl].map(shortPath);
  const proxied = process.env.https_proxy !== undefined;
  return [
    "Look further:",
    ...(proxied
      ? ["  export NO_PROXY=$NO_PROXY,198.18.0.0/15    # the cluster's addresses; a proxy does not reach them"]
      : []),
    `  ${kubectl} --kubeconfig ${file} get finetunejobs,finetuneruns,adapters`,
    `  ${kubectl} --kubeconfig ${file} describe finetunejob spam-or-ham`,
    `  npx --no-install luthier chat --adapter ${adapter} --kubeconfig ${file}`,
    `Stop it (this removes ${shortPath(demo.clusterState)} too, and with it the adapter and the merged model: copy what you want to keep):`,
    "  npm run demo:down",
  ];
}

/** Relative to where the person stands, if it lies below. */
function shortPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? file : relative;
}
