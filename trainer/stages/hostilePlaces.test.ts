/** Claims, data and stores of an unexpected kind are reported by name, at once, and not retried. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { prepareFile } from "../contract/stageFiles.ts";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { failureOutcome } from "./outcome.ts";
import { runPrepare } from "./prepare.ts";

const secret = "hunter2-of-a-test";
const rows = `${JSON.stringify({
  messages: [
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ],
})}\n`;

interface Place {
  directory: string;
  /** Prepare's exit code and reason; checks that its message and its log contain no secret. */
  ending: (uris?: { base?: string; data?: string; artifacts?: string }) => Promise<[number, string, string]>;
}

/** Claims `model`, `data` and `store` with a valid model and valid data, and a Secret beside them. */
async function place(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory(t);
  for (const name of ["data/files", "store", "secrets"]) mkdirSync(`${directory}/${name}`, { recursive: true });
  await writeTinyModel(`${directory}/model/base`, { hiddenSize: 32, intermediateSize: 64, layers: 1 });
  writeFileSync(`${directory}/data/rows.jsonl`, rows);
  writeFileSync(`${directory}/data/files/rows.jsonl`, rows);
  writeFileSync(`${directory}/secrets/AWS_SECRET_ACCESS_KEY`, secret);
  const ending: Place["ending"] = async ({
    base = "pvc://model/base",
    data = "pvc://data/rows.jsonl",
    artifacts = "pvc://store/team",
  } = {}) => {
    const spec = {
      baseModel: { uri: base },
      dataset: { sources: [{ uri: data }], maxSequenceLength: 64 },
      method: { lora: { rank: 4 } },
    };
    const logged: string[] = [];
    const context = testContext(directory, { log: (line) => logged.push(line) });
    const error = await runPrepare(prepareFile({ spec, artifactRoot: artifacts }), context).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error === undefined) return [0, "", ""];
    const { code, envelope } = failureOutcome("Prepare", error);
    for (const text of [envelope.message, ...logged]) assert.doesNotMatch(text, /hunter2|unter2/);
    return [code, envelope.reason, envelope.message];
  };
  return { directory, ending };
}

test("data behind a link out of their claim are refused, and no message quotes them", async (t) => {
  const { directory, ending } = await place(t);
  const target = `${directory}/secrets/AWS_SECRET_ACCESS_KEY`;
  symlinkSync(target, `${directory}/data/absolute.jsonl`);
  symlinkSync("../secrets/AWS_SECRET_ACCESS_KEY", `${directory}/data/relative.jsonl`);
  symlinkSync("relative.jsonl", `${directory}/data/twice.jsonl`);
  symlinkSync("../secrets", `${directory}/data/directory`);
  symlinkSync("/proc/self/environ", `${directory}/data/environ.jsonl`);
  const names = ["absolute.jsonl", "relative.jsonl", "twice.jsonl", "directory/AWS_SECRET_ACCESS_KEY", "environ.jsonl"];
  for (const name of names) {
    const [code, reason, message] = await ending({ data: `pvc://data/${name}` });
    assert.deepEqual([code, reason], [20, "OutsideClaim"], name);
    assert.match(message, new RegExp(`pvc://data/${name}: a link points outside the claim`));
  }
});

test("a directory behind a link out of its claim is refused, and no message contains its names", async (t) => {
  const { directory, ending } = await place(t);
  symlinkSync("../secrets", `${directory}/data/outside`);
  const [code, reason, message] = await ending({ data: "pvc://data/outside" });
  assert.deepEqual([code, reason], [20, "OutsideClaim"]);
  assert.doesNotMatch(message, /AWS_SECRET_ACCESS_KEY/);
  await assert.rejects(new Stores({ claimsRoot: directory }).of("pvc://data/outside").list("pvc://data/outside"), {
    reason: "OutsideClaim",
  });
});

test("a base model or an adapter behind a link out of its claim is refused", async (t) => {
  const { directory, ending } = await place(t);
  renameSync(`${directory}/model/base`, `${directory}/elsewhere`);
  symlinkSync("../elsewhere", `${directory}/model/base`);
  assert.deepEqual((await ending()).slice(0, 2), [20, "OutsideClaim"]);
  unlinkSync(`${directory}/model/base`);
  for (const name of ["config.json", "tokenizer.json", "model.safetensors", "tokenizer_config.json"]) {
    cpSync(`${directory}/elsewhere`, `${directory}/model/base`, { recursive: true });
    rmSync(`${directory}/model/base/${name}`);
    symlinkSync(`${directory}/secrets/AWS_SECRET_ACCESS_KEY`, `${directory}/model/base/${name}`);
    assert.deepEqual((await ending()).slice(0, 2), [20, "OutsideClaim"], name);
    rmSync(`${directory}/model/base`, { recursive: true });
  }
  mkdirSync(`${directory}/model/adapter`);
  symlinkSync(`${directory}/secrets/AWS_SECRET_ACCESS_KEY`, `${directory}/model/adapter/adapter_config.json`);
  const stores = new Stores({ claimsRoot: directory });
  await assert.rejects(readPeftAdapter(stores, "pvc://model/adapter"), { code: 20, reason: "OutsideClaim" });
});

test("links within a claim are followed, as in the cache of the hub", async (t) => {
  const { directory, ending } = await place(t);
  const at = `${directory}/model/models--acme--tiny`;
  mkdirSync(`${at}/snapshots/abc`, { recursive: true });
  renameSync(`${directory}/model/base`, `${at}/blobs`);
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]) {
    symlinkSync(`../../blobs/${name}`, `${at}/snapshots/abc/${name}`);
  }
  symlinkSync("rows.jsonl", `${directory}/data/latest.jsonl`);
  const uris = { base: "pvc://model/models--acme--tiny/snapshots/abc", data: "pvc://data/latest.jsonl" };
  assert.deepEqual(await ending(uris), [0, "", ""]);
});

test("a store whose directories lead out of its claim is refused for writing", async (t) => {
  const { directory, ending } = await place(t);
  mkdirSync(`${directory}/outside`);
  symlinkSync("../outside", `${directory}/store/team`);
  assert.deepEqual((await ending()).slice(0, 2), [20, "OutsideClaim"]);
  assert.deepEqual(spawnSync("ls", ["-A", `${directory}/outside`], { encoding: "utf8" }).stdout, "");
});

test("an empty directory, a named pipe or a device in place of data is reported by its kind", async (t) => {
  const { directory, ending } = await place(t);
  spawnSync("mkfifo", [`${directory}/data/pipe.jsonl`]);
  mkdirSync(`${directory}/data/empty`);
  const cases: [data: string, expected: RegExp][] = [
    ["pvc://data/empty", /is a directory/],
    ["pvc://data/pipe.jsonl", /is a named pipe, not a file/],
    ["file:///dev/zero", /is a device, not a file/],
  ];
  for (const [data, expected] of cases) {
    const [code, reason, message] = await ending({ data });
    assert.deepEqual([code, reason], [20, "NotAFile"], data);
    assert.match(message, expected);
    assert.ok(message.startsWith(`${data}: `), message);
  }
});

test("a store whose path is too long or leads through a file is reported and not retried", async (t) => {
  const { directory, ending } = await place(t);
  writeFileSync(`${directory}/store/file`, "");
  symlinkSync("circle", `${directory}/store/circle`);
  const cases: [artifacts: string, reason: string][] = [
    [`pvc://store/${"a".repeat(300)}`, "PathTooLong"],
    [`pvc://store/${"a/".repeat(2500)}a`, "PathTooLong"],
    ["pvc://store/file/team", "PathInvalid"],
    ["pvc://store/circle/team", "PathInvalid"],
  ];
  for (const [artifacts, reason] of cases) {
    assert.deepEqual((await ending({ artifacts })).slice(0, 2), [20, reason], artifacts.slice(0, 40));
  }
  assert.deepEqual((await ending({ data: `pvc://data/${"a".repeat(300)}` })).slice(0, 2), [20, "PathTooLong"]);
});

test("a read-only store is reported and not retried", async (t) => {
  const { directory, ending } = await place(t);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", `${directory}/store`]);
  if (status !== 0) return t.skip("needs the right to mount");
  try {
    const [code, reason, message] = await ending();
    assert.deepEqual([code, reason], [20, "StoreReadOnly"]);
    assert.match(message, /store\/team.*read-only/);
  } finally {
    spawnSync("umount", [`${directory}/store`]);
  }
});
