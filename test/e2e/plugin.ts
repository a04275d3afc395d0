/** `kubectl finetune` as kubectl's plugin, against the objects of a finished training on the real API server. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { repository } from "../../demo/places.ts";
import { type Bench, condition, manifest, type Team } from "./bench.ts";
import { type Output, shell } from "./commandLine.ts";

/** `change`: the settings of the ready FineTuneJob `name`, whose training had 20 steps. */
export async function pluginWorks(
  { cluster }: Bench,
  team: Team,
  name: string,
  change: Record<string, unknown>,
): Promise<void> {
  const directory = path.join(cluster.scratch, "plugin");
  mkdirSync(directory, { recursive: true });
  symlinkSync(path.join(repository, "cli/luthier.mjs"), path.join(directory, "kubectl-finetune"));
  const environment = { ...cluster.environment, PATH: `${directory}:${cluster.environment.PATH}` };
  const run = (line: string): Promise<Output> =>
    shell(`${cluster.programs.kubectl} finetune ${line} --namespace ${team.name}`, { environment });
  const finetune = async (line: string) => {
    const { code, stdout, stderr } = await run(line);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const adapter = (await team.adapter()).metadata.name;
  const [plotted] = JSON.parse(await finetune(`plot ${name} --output json`));
  assert.equal(plotted.curves.find((one: { name: string }) => one.name === "Loss").points.length, 20);
  assert.match(await finetune(`plot adapter/${adapter}`), /● Loss {2}\S+ → \S+/);
  assert.match(await finetune(`compare job/${name} adapter/${adapter}`), /The settings and inputs are the same/);
  assert.match(await finetune(`history ${name}`), new RegExp(`^\\* +1 +${adapter} +Ready `, "m"));
  assert.match(await finetune(`logs ${name} --stage train`), /^\{"curves":\[\{"name":"Loss"/m);

  const file = path.join(directory, "edited.json");
  const training = { maxSteps: 21, batchTokens: 512, learningRate: "1e-2", checkpoint: { everySteps: 5 } };
  writeFileSync(file, JSON.stringify(manifest(name, { ...change, training })));
  assert.match(
    await finetune(`diff ${file}`),
    /spec\.training\.maxSteps +20 +21 +trains\n\s+The inputs stay as they are staged; a new run trains on them/,
  );

  const pinned = async () => (await team.untilReady(name)).spec.promotion?.adapterRef?.name;
  await finetune(`promote ${name}`);
  assert.equal(await pinned(), adapter);
  await finetune(`promote ${name} --release`);
  assert.equal(await pinned(), undefined);

  // As Flux marks what it applies.
  const mark = "kustomize.toolkit.fluxcd.io/name";
  await team.kubectl("label", "finetunejob", name, `${mark}=apps`);
  const { stdout, stderr } = await run(`promote ${name}`);
  assert.match(stderr, /Flux owns \S+ and would undo a change/);
  assert.match(stdout, new RegExp(`^kind: FineTuneJob$[\\s\\S]*adapterRef:\\s+name: ${adapter}$`, "m"));
  assert.equal(await pinned(), undefined);
  await team.kubectl("label", "finetunejob", name, `${mark}-`);

  const retried = await run(`retry ${name}`);
  assert.deepEqual([retried.code, /it has not stalled/.test(retried.stderr)], [2, true]);
  const wanted = await team.until(name, "settled", (job) => job.metadata.generation === job.status?.observedGeneration);
  assert.equal(condition(wanted, "Ready")?.status, "True");
}
