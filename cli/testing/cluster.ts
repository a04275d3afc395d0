/** A server that holds the objects of one namespace, for tests of the commands about trainings of a cluster. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { anAdapter, aPinnedJob, aPod, aRun, succeeded } from "../../operator/testing/builders.ts";
import { readArguments } from "../../terminal/arguments.ts";
import type { Command } from "../../terminal/command.ts";
import { createScreen } from "../../terminal/screen.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";

const curves = [
  { name: "Loss" as const, points: "1:3 2:2 3:1" },
  { name: "GradientNorm" as const, points: "1:0.5 2:0.25 3:0.1" },
];
const owned = (name: string) => [{ apiVersion: "luthier.dev/v1alpha1", kind: "FineTuneJob", name, uid: "job-uid" }];

/** The objects of a namespace: the job `bot` with two revisions, of which the first is promoted. */
export function aNamespace() {
  const edited = { ...aPinnedJob().spec, training: { learningRate: "5e-5" } };
  const made = [aPinnedJob(), aPinnedJob(edited)].map((job, index) => {
    const run = succeeded(aRun(job));
    const { results } = run.status ?? {};
    const withCurves = { ...run, status: { ...run.status, state: "Succeeded", results: { ...results!, curves } } };
    const adapter = anAdapter(job, run, { promotedAt: `2026-01-0${index + 1}T00:00:00Z` });
    return {
      run: { ...withCurves, metadata: { ...run.metadata, ownerReferences: owned("bot") } },
      adapter: {
        ...adapter,
        spec: { ...adapter.spec, revision: index + 1, results: { ...adapter.spec.results!, curves } },
      },
    };
  });
  const [first, second] = made;
  const [old, now] = [first!.adapter.metadata.name, second!.adapter.metadata.name];
  const job = aPinnedJob(edited);
  const ref = { name: second!.run.metadata.name, uid: "run-uid", adapterName: now };
  const status = { ...job.status, observedGeneration: 1, currentRunRef: ref, promotedAdapterRef: { name: now } };
  const labels = { "luthier.dev/finetunerun": ref.name, "luthier.dev/stage": "train" };
  const pod = aPod({ exitCode: 0 });
  const pods = [{ ...pod, metadata: { ...pod.metadata, name: "train-1", labels } }];
  return {
    old,
    now,
    runs: made.map(({ run }) => run.metadata.name),
    objects: {
      finetunejobs: [{ ...job, status }],
      finetuneruns: made.map(({ run }) => run),
      adapters: made.map(({ adapter }) => adapter),
      pods,
    },
  };
}

type Namespace = ReturnType<typeof aNamespace>;
interface Stored {
  metadata: { name: string };
}

interface Written {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Runs commands against a server with the objects of `namespace`. */
export async function cluster(t: TestContext, { objects }: Namespace) {
  const written: Written[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://server");
    const [, plural = "", name, part] = /namespaces\/team\/(\w+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(pathname) ?? [];
    const body = await text(request);
    if (request.method !== "GET") {
      written.push({ method: request.method ?? "", path: `${plural}/${name}`, body: JSON.parse(body) });
    }
    const all: readonly Stored[] = Object.entries(objects).find(([kind]) => kind === plural)?.[1] ?? [];
    const one = all.find(({ metadata }) => metadata.name === name);
    if (part === "log") return response.end('loading\n{"phase":"Training"}\n');
    const answer = name === undefined ? { kind: "List", metadata: {}, items: all } : one;
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    return response.end(JSON.stringify(answer ?? { kind: "Status", reason: "NotFound", message: "not found" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const directory = await temporaryDirectory(t);
  const kubeconfig = `${directory}/kubeconfig`;
  const named = (key: string, value: object) => [{ name: "c", [key]: value }];
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "c" },
    clusters: named("cluster", { server: `http://127.0.0.1:${address.port}`, "insecure-skip-tls-verify": true }),
    users: named("user", { token: "secret" }),
    contexts: named("context", { cluster: "c", user: "c", namespace: "team" }),
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const run = async (command: Command, ...argv: string[]) => {
    let [stdout, stderr] = ["", ""];
    const screen = createScreen({ write: (words: string) => (stderr += words) });
    const write = (words: string) => (stdout += words);
    const args = readArguments(command.usage, [...argv, "--kubeconfig", kubeconfig]);
    const code = await command.run(args, { screen, write, signal: new AbortController().signal });
    return { code, stdout, stderr };
  };
  return { run, written, directory, server: `http://127.0.0.1:${address.port}` };
}
