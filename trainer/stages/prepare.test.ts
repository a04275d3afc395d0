/** Prepare stages, pins and counts its inputs. */
import assert from "node:assert/strict";
import { appendFile, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inputNotes } from "../contract/inputNotes.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { datasetManifest, getManifest } from "../data/packed/manifests.ts";
import { PackedDataset } from "../data/packed/packedDataset.ts";
import { chat, place } from "../testing/preparation.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runPrepare } from "./prepare.ts";

test("inputs are staged, pinned and counted, and not read again while they are unchanged", async (t) => {
  const { file, context, objects, directory } = await place(t, { validation: { fraction: "0.2" } });
  const first = await runPrepare(file, context);
  assert.equal(first.reused, false);
  const { dataset, baseDataType, datasetDigest } = first.figures;
  assert.equal(dataset.examples + dataset.validationExamples, 40);
  assert.ok(dataset.validationExamples > 0);
  assert.equal(dataset.testExamples, 1);
  assert.equal(baseDataType, "BF16");
  const manifest = await getManifest(objects, datasetDigest, datasetManifest);
  const train = new PackedDataset(await objects.read(manifest.train.digest));
  assert.deepEqual([train.rowCount, train.exampleCount], [dataset.rows, dataset.examples]);

  assert.equal((await runPrepare(file, context)).reused, true);
  await appendFile(`${directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  const moved = await runPrepare(file, context);
  assert.notEqual(moved.figures.datasetDigest, datasetDigest);
  assert.equal(moved.figures.baseDigest, first.figures.baseDigest);
});

test("the same content gives the same pins, whatever its time and location", async (t) => {
  const [one, two] = [await place(t), await place(t)];
  await utimes(`${two.directory}/train.jsonl`, 1, 1);
  const [a, b] = [await runPrepare(one.file, one.context), await runPrepare(two.file, two.context)];
  assert.equal(a.figures.baseDigest, b.figures.baseDigest);
  assert.equal(a.figures.evaluationSetDigest, b.figures.evaluationSetDigest);
});

test("the validation data have a digest of their own, which the training data and the packing do not affect", async (t) => {
  const made = await place(t);
  const uri = `file://${made.directory}/held.jsonl`;
  await writeFile(`${made.directory}/held.jsonl`, `${chat("is 7 even?", "no")}\n${chat("is 8 even?", "yes")}\n`);
  const prepared = async (change: Partial<TrainingSpec["dataset"]> = {}) => {
    const dataset = { ...made.file.dataset, validation: { uri }, ...change };
    return (await runPrepare({ ...made.file, dataset }, made.context)).figures.validationDigest;
  };
  const digest = await prepared();
  assert.match(digest ?? "", /^sha256:[0-9a-f]{64}$/);
  await appendFile(`${made.directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  const files = ["train.jsonl", "test.jsonl"].map((name) => ({ uri: `file://${made.directory}/${name}` }));
  assert.equal(await prepared({ sources: files, packing: false }), digest);
  await appendFile(`${made.directory}/held.jsonl`, `${chat("is 9 even?", "no")}\n`);
  assert.notEqual(await prepared(), digest);
  assert.equal((await runPrepare(made.file, made.context)).figures.validationDigest, undefined);
});

test("another label of a held-out answer changes the digest of the validation data", async (t) => {
  const made = await place(t);
  const train = `${made.directory}/answers.jsonl`;
  const held = `${made.directory}/held.jsonl`;
  const row = (label: boolean) => `${JSON.stringify({ prompt: "is 7 even?", completion: "no", label })}\n`;
  await writeFile(train, `${JSON.stringify({ prompt: "is 8 even?", completion: "yes", label: true })}\n`);
  const prepared = async (label: boolean) => {
    await writeFile(held, row(label));
    const { evaluation: _, ...file } = made.file;
    const dataset = { ...file.dataset, sources: [{ uri: `file://${train}` }], validation: { uri: `file://${held}` } };
    return (await runPrepare({ ...file, form: "Labelled", dataset }, made.context)).figures.validationDigest;
  };
  assert.notEqual(await prepared(true), await prepared(false));
});

test("a missing object is staged again", async (t) => {
  const { file, context, objects } = await place(t);
  const { figures } = await runPrepare(file, context);
  await rm(fileURLToPath(await objects.localCopy(figures.datasetDigest)));
  assert.equal((await runPrepare(file, context)).reused, false);
  await objects.localCopy(figures.datasetDigest);
});

test("a bad row is reported with file and line, or counted within the tolerance", async (t) => {
  const strict = await place(t);
  await appendFile(`${strict.directory}/train.jsonl`, '{"messages": 3}\nnot json\n');
  await assert.rejects(runPrepare(strict.file, strict.context), (error: Error) => {
    assert.match(error.message, /train\.jsonl:41: messages: .*badRows/);
    return "code" in error && error.code === 20;
  });
  const lenient = await place(t, { badRows: { maxFraction: "0.05" } });
  await appendFile(`${lenient.directory}/train.jsonl`, "not json\n\n");
  assert.equal((await runPrepare(lenient.file, lenient.context)).figures.dataset.badRows, 1);
  await appendFile(`${lenient.directory}/train.jsonl`, "not json\n".repeat(5));
  await assert.rejects(runPrepare(lenient.file, lenient.context), { code: 20, reason: "TooManyBadRows" });
});

test("duplicate and truncated examples are counted", async (t) => {
  const { file, context, directory } = await place(t);
  await appendFile(`${directory}/train.jsonl`, `${chat("IS 1  EVEN?", "no")}\n${chat("a", "b".repeat(300))}\n`);
  const { dataset } = (await runPrepare(file, context)).figures;
  assert.deepEqual([dataset.duplicateExamples, dataset.truncatedExamples], [1, 1]);
});

test("rows without a trained token after truncation are dropped, counted and named", async (t) => {
  const { file, context, directory } = await place(t);
  const logged: string[] = [];
  const long = chat("x".repeat(300), "y");
  await appendFile(`${directory}/train.jsonl`, `${long}\n${chat("a", "b".repeat(300))}\n`);
  await appendFile(`${directory}/test.jsonl`, `${long}\n`);
  const { figures } = await runPrepare(file, { ...context, log: (line) => logged.push(line) });
  const { dataset } = figures;
  assert.deepEqual(
    [dataset.examples + dataset.validationExamples, dataset.overlongExamples, dataset.overlongTestExamples],
    [41, 1, 1],
  );
  assert.deepEqual([dataset.badRows, dataset.truncatedExamples, dataset.testExamples], [0, 1, 1]);
  assert.match(dataset.firstOverlong ?? "", /train\.jsonl:41$/);
  assert.deepEqual(
    logged.flatMap((line) => /(\w+\.jsonl:\d+): too long/.exec(line)?.[1] ?? []),
    ["train.jsonl:41", "test.jsonl:2"],
  );
  assert.match(
    inputNotes(figures)[0]!,
    /^Warning: 1 of 42 examples \(2\.4 %\) were dropped.*train\.jsonl:41.*raise dataset/,
  );
});

test("the report and the log name unused columns, and the log the end tokens", async (t) => {
  const { file, context, directory } = await place(t);
  const logged: string[] = [];
  const row: object = JSON.parse(chat("a", "b"));
  await appendFile(`${directory}/train.jsonl`, `${JSON.stringify({ ...row, id: 1, chosen: "c" })}\n`);
  await appendFile(`${directory}/test.jsonl`, `${JSON.stringify({ ...row, id: 1, topic: "t" })}\n`);
  const { figures } = await runPrepare(file, { ...context, log: (line) => logged.push(line) });
  assert.deepEqual(figures.dataset.ignoredColumns, ["id", "chosen", "topic"]);
  assert.ok(logged.includes("tokens that end an answer: <|im_end|> (257)"));
  assert.match(logged.join("\n"), /train\.jsonl: unused columns: id, chosen\n.*test\.jsonl: .*id, topic/);
  assert.match(inputNotes(figures).join(" "), /not used: id, chosen, topic\./);
});

test("a base's template for tools is staged with it, and renders the rows with tools", async (t) => {
  const { file, context, directory, objects } = await place(t);
  const marked =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
  await mkdir(`${directory}/base/additional_chat_templates`);
  await writeFile(`${directory}/base/chat_template.jinja`, marked);
  await writeFile(
    `${directory}/base/additional_chat_templates/tool_use.jinja`,
    `{{ tools[0].function.name }}${marked}`,
  );
  const tools = [{ type: "function", function: { name: "weather" } }];
  const row: object = JSON.parse(chat("a", "b"));
  await writeFile(
    `${directory}/train.jsonl`,
    `${JSON.stringify({ ...row, tools })}\n${chat("c", "d")}\n${chat("e", "f")}\n`,
  );
  const { figures } = await runPrepare({ ...file, dataset: { ...file.dataset, validation: undefined } }, context);
  const base = await StoredModel.staged(context.stores, objects, figures.baseDigest);
  const { tokenizer } = await base.codec();
  const manifest = await getManifest(objects, figures.datasetDigest, datasetManifest);
  const train = new PackedDataset(await objects.read(manifest.train.digest));
  const text = tokenizer.display([...train.tokens]);
  assert.equal(text.split("weather").length - 1, 1);
  assert.ok(text.includes("weather<|im_start|>user\na<|im_end|>"));
});
