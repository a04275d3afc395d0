/** The chart's garbage collector on the real cluster, in a namespace whose FineTuneJob is finished. */
import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { upgrade } from "../../demo/install.ts";
import { USER_ID } from "../../images/base.ts";
import type { Bench, Team } from "./bench.ts";

export async function collectorWorks({ cluster }: Bench, team: Team): Promise<void> {
  const root = path.join(team.store, team.name);
  const { runHash, baseDigest } = (await team.adapter()).spec.provenance;
  const needed = [`runs/${runHash}/report.json`, `objects/${baseDigest.slice("sha256:".length)}`];
  const [old, recent] = ["0", "1"].map((digit) => `objects/${digit.repeat(64)}`);
  assert.ok(old !== undefined && recent !== undefined);
  const dead = `prepared/${"2".repeat(64)}/manifest.json`;
  for (const file of [old, recent, dead]) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), "{}\n");
    // As if a pod had written it.
    for (const one of [file, path.dirname(file)]) chownSync(path.join(root, one), USER_ID, USER_ID);
  }
  const monthAgo = new Date(Date.now() - 30 * 86_400_000);
  for (const file of [...needed, old, dead]) utimesSync(path.join(root, file), monthAgo, monthAgo);

  const store = [`namespace=${team.name}`, "uri=pvc://store"].map((value) => `garbageCollection.stores[0].${value}`);
  await upgrade(cluster, store, "--reuse-values");
  const names = (await team.list("cronjobs")).map(({ metadata }) => metadata.name);
  assert.equal(names.length, 1);
  await team.kubectl("create", "job", "collection", `--from=cronjob/${names[0]}`);
  const ended = ["wait", "job/collection", "--for=condition=Complete", "--timeout=300s"];
  await team.kubectl(...ended).catch(async (error: unknown) => {
    throw new Error(await team.kubectl("logs", "job/collection"), { cause: error });
  });
  const log = await team.kubectl("logs", "job/collection");
  assert.match(log, /^2 files, 6 B: removed$/m, log);
  assert.deepEqual(
    [...needed, recent, old, dead].map((file) => existsSync(path.join(root, file))),
    [true, true, true, false, false],
    readdirSync(root).join(),
  );
}
