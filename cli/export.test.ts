import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runTrain } from "../trainer/stages/train.ts";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeTinyAdapter } from "../trainer/testing/tinyAdapter.ts";
import { writeTinyModel } from "../trainer/testing/tinyModel.ts";
import { TinyTraining } from "../trainer/testing/tinyTraining.ts";

function luthier(...args: string[]) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
}

test("luthier export writes a verified model with its card anywhere, reuses it, and repairs damage", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2 } });
  await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = `${await tiny.runPath()}/adapter`;
  const to = `${tiny.directory}/any place/merged`;
  const run = () => luthier("export", adapter, "--to", to, "--max-shard-bytes", "1000000", "--output", "json");
  const first = run();
  assert.equal(first.status, 0, first.stderr);
  const result = JSON.parse(first.stdout);
  assert.deepEqual([result.place, result.reused], [to, false]);
  assert.ok(result.maxLogitDifference < 1);
  assert.match(
    readFileSync(`${to}/README.md`, "utf8"),
    /base model `\.\/.*\n[\s\S]*LoRA, rank 4[\s\S]*2 steps[\s\S]*Verified/,
  );
  assert.deepEqual(readdirSync(`${tiny.directory}/any place`), ["merged"]);
  assert.equal(JSON.parse(run().stdout).reused, true);
  writeFileSync(`${to}/model.safetensors`, "cut");
  const repaired = JSON.parse(run().stdout);
  assert.deepEqual([repaired.reused, repaired.digest], [false, result.digest]);
  const text = luthier("export", adapter, "--dtype", "F32");
  assert.match(text.stdout, /merged is written, read back and verified\n.*size.*1 shard/);
  const options = ["--dtype", "BF16", "--pad-ranks", "--base-model", "acme/tiny", "--to", `${tiny.directory}/alone`];
  const alone = luthier("export", adapter, "--format", "adapter", ...options);
  assert.equal(alone.status, 0, alone.stderr);
  const { r, base_model_name_or_path: base } = JSON.parse(
    readFileSync(`${tiny.directory}/alone/adapter_config.json`, "utf8"),
  );
  assert.deepEqual([r, base], [8, "acme/tiny"]);
  const gguf = luthier(
    "export",
    adapter,
    "--format",
    "gguf",
    "--quantization",
    "Q8_0",
    "--to",
    `${tiny.directory}/gguf`,
  );
  assert.match(gguf.stdout, /gguf is written, read back and verified\n.*size.*1 shard/);
  assert.ok(readdirSync(`${tiny.directory}/gguf`).includes("model-Q8_0.gguf"));
});

test("luthier export takes an adapter that was trained elsewhere with its base", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, { hiddenSize: 32, intermediateSize: 64, heads: 2, kvHeads: 1 });
  await writeTinyAdapter(`${directory}/lora`, `${directory}/base`, { lora: { rank: 2 } });
  const run = (...args: string[]) => luthier("export", `${directory}/lora`, ...args);
  const imported = run("--base", `${directory}/base`, "--to", `${directory}/merged`, "--output", "json");
  assert.equal(imported.status, 0, imported.stderr);
  assert.ok(readdirSync(`${directory}/merged`).includes("model.safetensors"));
  assert.match(readFileSync(`${directory}/merged/README.md`, "utf8"), /from an adapter that was trained elsewhere/);
  const homeless = run("--base", `${directory}/base`);
  assert.deepEqual([homeless.status, /--to DIR or s3:.* is missing/.test(homeless.stderr)], [2, true]);
});

test("luthier export explains invalid arguments", async (t) => {
  const tiny = await TinyTraining.make(t);
  const wrong: [string[], number, RegExp][] = [
    [["somewhere"], 2, /not an adapter in an artifact store/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}/adapter`], 2, /there is no finished adapter/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--to", "hf://a/b"], 2, /--to hf:\/\/a\/b: not a directory/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--to", "s3://bucket"], 2, /--to s3:\/\/bucket: not a directory/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--to", "oci://a/B:v1"], 2, /must be oci:\/\/REGISTRY\/REPOSITORY/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--profile", "Image"], 2, /--profile needs --to oci:/],
    [[`${tiny.directory}/runs/${"0".repeat(64)}`, "--dtype", "F8"], 2, /--dtype is BF16 or F16 or F32/],
    [
      [`${tiny.directory}/runs/${"0".repeat(64)}`, "--format", "merged", "--pad-ranks"],
      2,
      /--pad-ranks is no option of --format merged/,
    ],
    [
      [`${tiny.directory}/runs/${"0".repeat(64)}`, "--format", "gguf", "--quantization", "Q2_K"],
      2,
      /--quantization is F16 or BF16 or Q8_0 or Q6_K/,
    ],
    [
      [`${tiny.directory}/runs/${"0".repeat(64)}`, "--format", "adapter", "--base-model", "model"],
      2,
      /must be ORGANISATION\/MODEL/,
    ],
  ];
  for (const [args, code, message] of wrong) {
    const { status, stderr } = luthier("export", ...args);
    assert.match(stderr, message);
    assert.equal(status, code);
  }
});

/** Every entry below a directory: files with their content, links and others. */
const contentOf = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((one) => {
      const at = path.join(one.parentPath, one.name);
      return `${path.relative(directory, at)} ${one.isFile() ? readFileSync(at, "utf8").slice(0, 100) : ""}`;
    })
    .sort();

test("luthier export refuses a target that holds other files, and changes none of them", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2 } });
  await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = `${await tiny.runPath()}/adapter`;
  const at = (name: string) => `${tiny.directory}/places/${name}`;
  for (const name of ["project/data", "hidden", "nested/empty", "store", "empty", "target"]) {
    mkdirSync(at(name), { recursive: true });
  }
  for (const name of ["project/data/rows.jsonl", "hidden/.env", "file", "merged.tmp-1700000000000-backup"]) {
    writeFileSync(at(name), "mine");
  }
  cpSync(tiny.artifactRoot.slice("file://".length), at("store"), { recursive: true });
  symlinkSync(at("nowhere"), at("dangling"));
  symlinkSync(at("project"), at("link"));
  spawnSync("mkfifo", [at("pipe")]);
  const before = contentOf(tiny.directory);
  const places = ["project/", "hidden", "nested", "store", "file", "dangling", "link", "pipe"].map(at);
  for (const to of [...places, adapter]) {
    const { status, stderr } = luthier("export", adapter, "--to", to);
    assert.equal(status, 20, `${to}: ${stderr}`);
    assert.match(stderr, /DestinationInUse: .*(holds files of something else|not a directory)/);
    assert.ok(stderr.includes(realpathSync(path.dirname(to))), stderr);
    assert.deepEqual(contentOf(tiny.directory), before, to);
  }
  const mounted = luthier("export", adapter, "--to", "/proc");
  assert.deepEqual([mounted.status, /is a mount point/.test(mounted.stderr)], [20, true]);
  assert.equal(luthier("export", adapter, "--to", "/").status, 2);
  symlinkSync(at("target"), at("good"));
  for (const to of ["empty", "good"]) assert.equal(luthier("export", adapter, "--to", at(to)).status, 0);
  assert.ok(readdirSync(at("target")).includes("model.safetensors"));
  assert.equal(readFileSync(at("merged.tmp-1700000000000-backup"), "utf8"), "mine");
});

test("luthier export repairs its own export and keeps other files beside it", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2 } });
  await runTrain(await tiny.trainFile(), tiny.context());
  const adapter = `${await tiny.runPath()}/adapter`;
  const to = `${tiny.directory}/merged`;
  const run = (...more: string[]) => luthier("export", adapter, "--to", to, "--output", "json", ...more);
  assert.equal(run().status, 0);
  mkdirSync(`${to}/quantized`);
  for (const name of ["model.gguf", "quantized/model.gguf"]) writeFileSync(`${to}/${name}`, "mine");
  writeFileSync(`${to}/model.safetensors`, "cut");
  assert.equal(JSON.parse(run().stdout).reused, false);
  assert.ok(readFileSync(`${to}/model.safetensors`).length > 1000);
  for (const name of ["model.gguf", "quantized/model.gguf"])
    assert.equal(readFileSync(`${to}/${name}`, "utf8"), "mine");
  assert.equal(JSON.parse(run().stdout).reused, true);
  const other = run("--dtype", "F32");
  assert.deepEqual([other.status, /DestinationInUse/.test(other.stderr)], [20, true]);
  rmSync(`${to}/manifest.json`);
  assert.equal(run().status, 20);
  assert.deepEqual(
    readdirSync(tiny.directory).filter((name) => name.includes(".tmp-")),
    [],
  );
});

test("luthier gc refuses a directory that is not an artifact store", async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(`${directory}/incoming`);
  writeFileSync(`${directory}/incoming/mail`, "mine");
  const { status, stderr } = luthier("gc", directory, "--days", "0", "--delete");
  assert.equal(status, 20);
  assert.match(stderr, /NotAStore: .*artifact store/);
  assert.ok(stderr.includes(directory), stderr);
  assert.equal(readFileSync(`${directory}/incoming/mail`, "utf8"), "mine");
});

test("luthier gc lists removable files, and removes them with --delete", async (t) => {
  const tiny = await TinyTraining.make(t);
  await tiny.prepare();
  const store = tiny.artifactRoot.slice("file://".length);
  const { stores } = tiny.context();
  const incoming = `${Date.now()}-${randomUUID()}`;
  await stores.of(tiny.artifactRoot).write(`${tiny.artifactRoot}/incoming/${incoming}`, Buffer.from("half"));
  assert.match(luthier("gc", store).stdout, /nothing to remove/);
  const shown = luthier("gc", store, "--days", "0");
  assert.match(shown.stdout, /incoming\/[-0-9a-f]+ .*4 B .*unfinished\n1 file, 4 B: could be removed/);
  const removed = JSON.parse(luthier("gc", store, "--days", "0", "--delete", "--output", "json").stdout);
  assert.equal(removed.removed, 1);
  assert.match(luthier("gc", store, "--days", "0").stdout, /nothing to remove/);
  assert.match(luthier("gc", `${store}-misspelt`).stdout, /-misspelt: contains no files; .* check the path/);
});
