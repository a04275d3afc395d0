/**
 * Two operators share one Lease: the leader is stopped in the middle of a run (SIGSTOP: like a frozen machine, it does not
 * notice), the other takes over, and the first continues after everything has changed. The audit log shows the writes of each,
 * because each has its own ServiceAccount.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../cluster/auditLog.ts";
import { type Bench, long, manifest, type Team } from "../e2e/bench.ts";
import { OperatorProcess } from "./operatorProcess.ts";

/** The Lease lasts 15 s and is requested every 2 s; other work on the machine may delay this. */
const patienceMs = 60_000;

export async function stopTheLeader(bench: Bench, name: string): Promise<{ takeOverSeconds: number }> {
  const team = await bench.namespace(name);
  const [first, second] = [await newOperator(bench, team, "first"), await newOperator(bench, team, "second")];
  try {
    first.start();
    await until("the first leads", () => leads(team, "first"));
    second.start();
    await team.apply(manifest("job", { training: { ...long, maxSteps: 300 } }));
    await team.untilTraining("job");
    first.signal("SIGSTOP");
    const stopped = Date.now();
    await until("the second leads", () => leads(team, "second"));
    const takeOverSeconds = (Date.now() - stopped) / 1000;
    // The first has something to write when it continues: the run ends, and the job is edited.
    await team.untilReady("job");
    await team.kubectl("label", "finetunejob", "job", "touched=yes");
    first.signal("SIGCONT");
    await until("the first ends", async () => first.exits.length > 0);
    assert.deepEqual(first.exits, [1], "an operator that lost the Lease exits with 1, to be restarted");
    inTurn(team);
    second.signal("SIGTERM");
    await until("the second ends", async () => second.exits.length > 0);
    assert.deepEqual([second.exits, await holder(team)], [[0], ""], "asked to end, it gives the Lease back");
    assert.deepEqual(
      ["finetuneruns", "adapters", "jobs"].map((kind) => team.created(kind)),
      [1, 1, 2],
    );
    return { takeOverSeconds };
  } finally {
    first.end();
    second.end();
  }
}

/** Checks that the first writes nothing after the second's first write, and the second nothing before it holds the Lease. */
function inTurn(team: Team): void {
  const writes = team.written();
  const by = (name: string) => writes.filter(({ user }) => user.endsWith(`:${name}`));
  const takenOver = by("second").find(({ resource }) => resource === "leases");
  assert.ok(takenOver);
  const late = by("first").filter(({ at }) => at > takenOver.at);
  const early = by("second").filter(({ at }) => at < takenOver.at);
  assert.deepEqual([late, early].map(named), [[], []], "written after the Lease was lost, and before it was held");
  assert.ok(by("first").length > 5 && by("second").length > 2, "each has written something");
}

const named = (writes: readonly Asked[]) =>
  writes.map(({ verb, resource, name, at }) => `${at} ${verb} ${resource} ${name}`);

/** An operator with its own ServiceAccount, which has every right, because rights are not tested here. */
async function newOperator(bench: Bench, team: Team, name: string): Promise<OperatorProcess> {
  const kubeconfig = await accountKubeconfig(bench, team.name, name);
  const lease = ["--leader-elect", "--lease-namespace", team.name];
  return new OperatorProcess({
    arguments: ["--trainer-image", bench.trainerImage, "--namespace", team.name, ...lease],
    kubeconfig,
    name,
  });
}

/** The path of a kubeconfig for a new ServiceAccount with every right. */
export async function accountKubeconfig(
  { cluster, directory }: Bench,
  namespace: string,
  name: string,
): Promise<string> {
  const within = (...args: string[]) => cluster.kubectl(["--namespace", namespace, ...args]);
  await within("create", "serviceaccount", name);
  const binding = ["--clusterrole=cluster-admin", `--serviceaccount=${namespace}:${name}`];
  await within("create", "clusterrolebinding", `${namespace}-${name}`, ...binding);
  const token = (await within("create", "token", name, "--duration=12h")).trim();
  const config = JSON.parse(readFileSync(cluster.kubeconfig, "utf8"));
  const file = path.join(directory, `${namespace}-${name}.kubeconfig`);
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name: config.users[0].name, user: { token } }] }));
  return file;
}

const holder = (team: Team) => team.kubectl("get", "leases", "-o", "jsonpath={.items[*].spec.holderIdentity}");
const leads = async (team: Team, name: string) => (await holder(team)).startsWith(`${name}-`);

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(200)) if (await holds()) return;
  throw new Error(`${what}: not within ${patienceMs / 1000} s`);
}
