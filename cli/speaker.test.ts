import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { anAdapter, aPinnedJob, aRun } from "../operator/testing/builders.ts";
import { runTrain } from "../trainer/stages/train.ts";
import { TinyTraining } from "../trainer/testing/tinyTraining.ts";
import { type OpenSpeaker, speakerOfAdapter, speakerOfPlace } from "./speaker.ts";

const options = { threads: 1, maxNewTokens: 8, temperature: 0, seed: 1 };

async function answerOf({ speak, close }: OpenSpeaker): Promise<string> {
  let answer = "";
  for await (const piece of speak([{ role: "user", content: "odd 951" }], new AbortController().signal))
    answer += piece;
  close();
  return answer;
}

test("a chat with a cluster's Adapter uses exactly the weights that its digest names", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 1, learningRate: "1" } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const { baseDigest } = await tiny.prepare();
  const directory = `${await tiny.runPath()}/adapter`;
  const job = aPinnedJob();
  const made = anAdapter(job, aRun(job));
  const adapter = {
    ...made,
    spec: {
      ...made.spec,
      artifactRoot: tiny.artifactRoot,
      baseModel: { ...made.spec.baseModel, digest: baseDigest },
      source: { uri: `file://${directory}`, digest: figures.adapterDigest },
    },
  };
  const claims = new Map<string, string>();
  const base = `${tiny.directory}/base`;
  const [adapted, plain] = [
    await answerOf(await speakerOfPlace(directory, base, options)),
    await answerOf(await speakerOfPlace(base, undefined, options)),
  ];
  assert.notEqual(adapted, plain);
  assert.equal(await answerOf(await speakerOfAdapter(adapter, claims, options)), adapted);
  assert.equal(await answerOf(await speakerOfAdapter(adapter, claims, { ...options, withoutAdapter: true })), plain);

  const weights = `${directory}/adapter_model.safetensors`;
  const whole = await readFile(weights);
  const altered = Buffer.from(whole);
  altered[altered.length - 1]! ^= 1;
  await writeFile(weights, altered);
  await assert.rejects(speakerOfAdapter(adapter, claims, options), { code: 23, reason: "FileCorrupt" });
  await writeFile(weights, whole);
  const other = { ...adapter, spec: { ...adapter.spec, source: { ...adapter.spec.source, digest: baseDigest } } };
  await assert.rejects(speakerOfAdapter(other, claims, options), { code: 23, reason: "AdapterCorrupt" });
});
