/** The inputs of a preparation that is small enough for a test: a tiny base, forty chats and a question. */
import { writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import type { TrainingSpec } from "../contract/settings.ts";
import { prepareFile } from "../contract/stageFiles.ts";
import { Objects } from "../stores/objects.ts";
import type { ModelChange } from "./changedModel.ts";
import { temporaryDirectory, testContext } from "./temporary.ts";
import { writeTinyModel } from "./tinyModel.ts";

/** A row of a chat with one question. */
export const chat = (question: string, answer: string) =>
  JSON.stringify({
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  });

/** Writes the inputs to a directory of the test. */
export async function place(t: TestContext, dataset: Partial<TrainingSpec["dataset"]> = {}) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  const rows = Array.from({ length: 40 }, (_, i) => chat(`is ${i} even?`, i % 2 ? "no" : "yes"));
  await writeFile(`${directory}/train.jsonl`, `${rows.join("\n")}\n`);
  await writeFile(`${directory}/test.jsonl`, `${chat("is 99 even?", "no")}\n`);
  const spec: TrainingSpec = {
    baseModel: { uri: `file://${directory}/base` },
    dataset: { sources: [{ uri: `file://${directory}/train.jsonl` }], maxSequenceLength: 128, ...dataset },
    method: { lora: {} },
    evaluation: { test: { uri: `file://${directory}/test.jsonl` }, metrics: ["ExactMatch"] },
  };
  const artifactRoot = `file://${directory}/artifacts`;
  const file = prepareFile({ spec, artifactRoot });
  const context = testContext(directory);
  return { directory, file, context, objects: new Objects(context.stores, artifactRoot) };
}

/** Puts a NaN into the final norm. */
export const withNaN: ModelChange = (tensors) => {
  const { dtype, shape, data } = tensors.get("model.norm.weight")!;
  const damaged = Uint8Array.from(data);
  damaged.set([0xc0, 0x7f], 2);
  tensors.set("model.norm.weight", { dtype, shape, data: damaged });
};
