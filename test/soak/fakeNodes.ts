/**
 * Nodes and pods that kwok simulates with the real API server: pods run at once and end after a while with the report of a
 * successful trainer. Only for the load test: nothing is trained here.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { anEnvelope, prepareFigures, trainFigures } from "../../operator/testing/builders.ts";
import type { Report } from "../../terminal/stages.ts";
import { buildKwok } from "../cluster/programs.ts";
import type { Bench } from "../e2e/bench.ts";

const mark = "kwok.x-k8s.io/node";
const nodeCount = 8;

/** The label that a pod must select to run on a fake node. */
export const onFakeNodes = { nodeSelector: { type: "kwok" }, tolerations: [{ key: mark, operator: "Exists" }] };

/** Creates the nodes and starts kwok; resolves with a function that ends it. */
export async function startFakeNodes({ cluster, directory }: Bench, report: Report): Promise<() => void> {
  const kwok = await buildKwok(report);
  await cluster.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: fakeNodes() }));
  const config = path.join(directory, "kwok.yaml");
  writeFileSync(config, stages.map((stage) => JSON.stringify(stage)).join("\n---\n"));
  const output = openSync(path.join(cluster.logs, "kwok.log"), "a");
  const args = ["--kubeconfig", cluster.kubeconfig, "--config", config, "--server-address", "127.0.0.1:0"];
  const nodes = [`--manage-nodes-with-annotation-selector=${mark}=fake`, "--node-lease-duration-seconds=40"];
  const child: ChildProcess = spawn(kwok, [...args, ...nodes], {
    stdio: ["ignore", output, output],
    env: { ...process.env, NO_PROXY: "198.18.0.0/15,127.0.0.1", no_proxy: "198.18.0.0/15,127.0.0.1" },
  });
  return () => child.kill("SIGKILL");
}

function fakeNodes(): object[] {
  return Array.from({ length: nodeCount }, (_, index) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: `fake-${index}`,
      labels: { type: "kwok", "kubernetes.io/hostname": `fake-${index}`, "kubernetes.io/arch": "amd64" },
      annotations: { [mark]: "fake" },
    },
    spec: { taints: [{ key: mark, value: "fake", effect: "NoSchedule" }] },
  }));
}

/** A placeholder in the envelope for the hash in the pod's run file. */
const placeholder = "HASH";

const exported = {
  name: "merged",
  digest: `sha256:${"b".repeat(64)}`,
  sizeBytes: 1000,
  shards: 1,
  maxLogitDifference: 0,
  klDivergence: 0,
};

const resourceRef = { apiGroup: "v1", kind: "Pod" };

const stages: readonly object[] = [
  stage("running", [{ key: ".status.podIP", operator: "DoesNotExist" }], 0, runningStatus()),
  ...[
    {
      name: "prepare",
      hash: "prepareKey",
      words: anEnvelope({ stage: "Prepare", figures: prepareFigures(placeholder) }),
      ms: 2_000,
    },
    {
      name: "train",
      hash: "runHash",
      words: anEnvelope({ stage: "Train", figures: trainFigures(placeholder) }),
      ms: 20_000,
    },
    { name: "export", hash: "runHash", words: anEnvelope({ stage: "Export", figures: exported }), ms: 3_000 },
  ].map(({ name, hash, words, ms }) =>
    stage(
      name,
      [
        { key: ".status.phase", operator: "In", values: ["Running"] },
        { key: '.metadata.labels["luthier.dev/stage"]', operator: "In", values: [name] },
      ],
      ms,
      doneStatus(hash, words),
    ),
  ),
  {
    ...header("deleted"),
    spec: {
      resourceRef,
      selector: { matchExpressions: [{ key: ".metadata.deletionTimestamp", operator: "Exists" }] },
      next: { finalizers: { empty: true }, delete: true },
    },
  },
];

function stage(name: string, when: object[], delayMs: number, statusTemplate: string): object {
  const alive = { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" };
  // At most one and a half times as long, so that not all end at once.
  const delay = { durationMilliseconds: delayMs, jitterDurationMilliseconds: delayMs * 1.5 };
  return {
    ...header(name),
    spec: {
      resourceRef,
      selector: { matchExpressions: [alive, ...when] },
      ...(delayMs === 0 ? {} : { delay }),
      next: { statusTemplate },
    },
  };
}

function header(name: string) {
  return { apiVersion: "kwok.x-k8s.io/v1alpha1", kind: "Stage", metadata: { name } };
}

function runningStatus(): string {
  return `
phase: Running
startTime: {{ Now | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}
conditions:
- {type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }}}
containerStatuses:
- name: trainer
  image: {{ (index .spec.containers 0).image | Quote }}
  ready: true
  restartCount: 0
  state: {running: {startedAt: {{ Now | Quote }}}}
`;
}

function doneStatus(hash: string, words: string): string {
  return `
{{ $file := index .metadata.annotations "luthier.dev/run-file" }}
{{ $hash := regexFind "[0-9a-f]{64}" (regexFind "${hash}: .*" $file) }}
phase: Succeeded
conditions:
- {type: Ready, status: "False", lastTransitionTime: {{ Now | Quote }}}
containerStatuses:
- name: trainer
  image: {{ (index .spec.containers 0).image | Quote }}
  ready: false
  restartCount: 0
  state:
    terminated:
      exitCode: 0
      reason: Completed
      finishedAt: {{ Now | Quote }}
      message: {{ replace "${placeholder}" $hash \`${words}\` | Quote }}
`;
}
