/** PEFT or AdapterHub load our adapters and we load theirs, without missing or unexpected keys. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { methodToRun } from "../../trainer/methods/index.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { openWith } from "./engines.ts";
import { goldenPath, readCase, Tensors } from "./goldens.ts";
import { distance, logits } from "./measure.ts";
import { openSaved, ourAdapters, savedCases, writtenFiles } from "./ourAdapter.ts";

const bound = 1e-5;

for (const name of savedCases) {
  const directory = ourAdapters[name].theirs;
  if (directory === undefined) continue;
  test(`an adapter saved by its library gives the same logits here as there: ${name}`, async () => {
    const golden = readCase(name);
    const adapter = await readPeftAdapter(new Stores(), pathToFileURL(goldenPath(directory)).href);
    assert.ok(adapter);
    // EVA's ranks are per layer, of a scale that all have.
    const scaleOf = ({ alpha, rank }: Readonly<Record<string, unknown>>) => Number(alpha) / Number(rank ?? 1);
    const expected = methodToRun(golden.settings.method);
    assert.deepEqual([adapter.settings.kind, scaleOf(adapter.settings)], [expected.kind, scaleOf({ ...expected })]);
    const settings = { ...golden.settings, method: adapter.settings };
    using run = await openWith(
      { ...golden, settings, given: adapter.given },
      { backend: "cpu", precision: "F32" },
      adapter.tensors,
    );
    const ours = run.engine.stateOf("parameter").map((tensor) => tensor.name);
    assert.deepEqual([...adapter.tensors.keys()].sort(), ours.sort());
    const away = distance(await logits(run), new Tensors(`${directory}/logits.safetensors`).values("logits"));
    assert.ok(away <= bound, `logits are ${away} away`);
  });
}

const verdict = z.object({
  files: z.record(z.string(), z.string()),
  missingKeys: z.array(z.string()),
  unexpectedKeys: z.array(z.string()),
  logitsDistance: z.number(),
});

for (const name of savedCases) {
  test(`our writer's adapter is byte-identical to the one that its library loaded without complaints: ${name}`, async () => {
    const directory = ourAdapters[name].ours;
    const judged = verdict.parse(JSON.parse(readFileSync(goldenPath(`${directory}/verdict.json`), "utf8")));
    assert.deepEqual(judged.missingKeys, []);
    assert.deepEqual(judged.unexpectedKeys, []);
    assert.ok(judged.logitsDistance <= bound, `logits in its library are ${judged.logitsDistance} away`);
    using run = await openSaved(name);
    for (const [file, bytes] of await writtenFiles(run, name)) {
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      assert.equal(digest, judged.files[file], `${file} has changed since PEFT judged it: see README.md`);
    }
    const away = distance(await logits(run), new Tensors(`${directory}/logits.safetensors`).values("logits"));
    assert.ok(away <= bound, `logits are ${away} away from those that PEFT compared`);
  });
}
