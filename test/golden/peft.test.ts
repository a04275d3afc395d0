/** Adapters go both ways between PEFT and us, with no missing and no unexpected key. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { Stores } from "../../trainer/stores/stores.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { openCase } from "./engines.ts";
import { goldenPath, readCase, Tensors } from "./goldens.ts";
import { distance, logits } from "./measure.ts";
import { writtenFiles } from "./ourAdapter.ts";

const bound = 1e-5;
const variant = { backend: "cpu", precision: "F32" } as const;

test("an adapter that PEFT saved says here what it says in PEFT", async () => {
  using run = await openCase(readCase("lora-all-linear"), variant);
  const adapter = await readPeftAdapter(new Stores(), pathToFileURL(goldenPath("peft-adapter")).href);
  assert.ok(adapter);
  assert.equal(adapter.settings.rank, 4);
  assert.equal(adapter.settings.alpha, 12);
  const ours = run.engine.stateOf("parameter").map(({ name }) => name);
  assert.deepEqual([...adapter.tensors.keys()].sort(), ours.sort());
  for (const [name, values] of adapter.tensors) run.engine.floats("parameter", name).set(values);
  await run.engine.run({ program: "derive" });
  const away = distance(await logits(run), new Tensors("peft-adapter/logits.safetensors").values("logits"));
  assert.ok(away <= bound, `logits are ${away} away`);
});

const verdict = z.object({
  files: z.record(z.string(), z.string()),
  missingKeys: z.array(z.string()),
  unexpectedKeys: z.array(z.string()),
  logitsDistance: z.number(),
});

test("the adapter we write is, byte for byte, the one that PEFT loaded without complaint", async () => {
  const judged = verdict.parse(JSON.parse(readFileSync(goldenPath("our-adapter/verdict.json"), "utf8")));
  assert.deepEqual(judged.missingKeys, []);
  assert.deepEqual(judged.unexpectedKeys, []);
  assert.ok(judged.logitsDistance <= bound, `logits in PEFT are ${judged.logitsDistance} away`);
  using run = await openCase(readCase("lora-all-linear"), variant);
  for (const [name, bytes] of await writtenFiles(run)) {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    assert.equal(digest, judged.files[name], `${name} has changed since PEFT judged it: see README.md`);
  }
  const away = distance(await logits(run), new Tensors("our-adapter/logits.safetensors").values("logits"));
  assert.ok(away <= bound, `logits are ${away} away from those that PEFT compared`);
});
