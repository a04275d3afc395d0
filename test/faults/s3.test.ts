/**
 * Tests the artifact store in a bucket of a real S3 server with broken exchanges: after every fault each object matches the
 * digest of its name, and each existing directory is complete. The file is long because all tests share one server, which
 * takes seconds to start.
 */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { luthier } from "../../cli/testing/process.ts";
import { run } from "../../terminal/runProgram.ts";
import { runExport } from "../../trainer/stages/export.ts";
import { runTrain } from "../../trainer/stages/train.ts";
import { digestOf } from "../../trainer/stores/digest.ts";
import { DirectoryWriter, damageOf, fileList, readListed, readManifest } from "../../trainer/stores/directory.ts";
import { Objects } from "../../trainer/stores/objects.ts";
import { MissingFileError } from "../../trainer/stores/store.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { TinyTraining } from "../../trainer/testing/tinyTraining.ts";
import { WriterEpoch } from "../../trainer/training/writerEpoch.ts";
import { account, type Gateway, startGateway } from "../stores/gateway.ts";
import { type Seen, type StoreFault, type StoreProxy, startStoreProxy } from "../stores/storeProxy.ts";

let directory: string;
let gateway: Gateway;
let proxy: StoreProxy;

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "luthier-s3-"));
  gateway = await startGateway(directory);
  proxy = await startStoreProxy(gateway.endpoint);
});

after(async () => {
  proxy?.close();
  await gateway?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const patience = { totalMs: 10_000, firstPauseMs: 2, longestPauseMs: 20, silenceMs: 3000 };
let places = 0;

/** A separate prefix in the bucket, accessed through the proxy. */
function place(options: { secretsRoot?: string; scratch?: string; totalMs?: number } = {}) {
  const { secretsRoot = gateway.secretsRoot, scratch = path.join(directory, "scratch") } = options;
  const { totalMs = patience.totalMs } = options;
  proxy.seen = [];
  proxy.decide = () => undefined;
  const root = `s3://${gateway.bucket}/place-${places++}/team`;
  const locations = [{ uri: root, endpoint: proxy.endpoint, secretRef: { name: "s3" } }];
  const stores = new Stores({ locations, secretsRoot, scratch, patience: { ...patience, totalMs } });
  return { root, stores, store: stores.of(root), objects: new Objects(stores, root) };
}

const bytes = (text: string) => Buffer.from(text);
const manifest = z.object({ files: fileList });

async function* chunked(content: Uint8Array, size = 100_000) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

/** The names of damaged objects and directories in a prefix. */
async function damaged({ stores, root, objects }: ReturnType<typeof place>): Promise<string[]> {
  const found: string[] = [];
  for (const { path: name } of await stores.of(root).list(root)) {
    if (name.startsWith("objects/"))
      await objects.read(`sha256:${name.slice("objects/".length)}`).catch(() => found.push(name));
    if (!name.endsWith("/manifest.json") || /^prepared\/|\.tmp-/.test(name)) continue;
    const uri = `${root}/${name.slice(0, -"/manifest.json".length)}`;
    const read = await readManifest(stores, uri, manifest);
    if (!read || (await damageOf(stores, uri, read.manifest.files)) !== undefined) found.push(name);
  }
  return found;
}

describe("a bucket is a store", () => {
  test("a bucket writes, lists, reads ranges, and reports missing objects", async () => {
    const { root, store } = place();
    await store.write(`${root}/z/b+c=d@e_f`, bytes("0123456789"));
    await store.write(`${root}/a`, chunked(bytes("xyz"), 1));
    await store.write(`${root}/empty`, new Uint8Array());
    assert.equal(Buffer.from(await store.read(`${root}/z/b+c=d@e_f`, { start: 2, end: 5 })).toString(), "234");
    assert.equal(Buffer.from(await store.read(`${root}/a`)).toString(), "xyz");
    assert.equal((await store.read(`${root}/empty`)).length, 0);
    await assert.rejects(store.read(`${root}/a`, { start: 1, end: 12 }), { code: 23, reason: "FileShort" });
    await assert.rejects(store.read(`${root}/a`, { start: 7, end: 12 }), { code: 23, reason: "FileShort" });
    const listed = await store.list(root);
    assert.deepEqual(
      listed.map(({ path: name, bytes: size }) => [name, size]),
      [
        ["a", 3],
        ["empty", 0],
        ["z/b+c=d@e_f", 10],
      ],
    );
    assert.ok(listed.every(({ modifiedAt }) => Math.abs(modifiedAt - Date.now()) < 60_000));
    assert.equal((await store.stat(`${root}/a`))?.version, listed[0]?.version);
    assert.equal(await store.stat(`${root}/none`), undefined);
    assert.deepEqual(await store.list(`${root}/none`), []);
    await assert.rejects(store.read(`${root}/none`), MissingFileError);
    await store.remove(`${root}/z`);
    assert.ok(await store.stat(`${root}/z/b+c=d@e_f`), "a prefix is not removed");
    assert.deepEqual(await store.occupant(root), { kind: "directory", names: ["a", "empty", "z"] });
    assert.deepEqual(await store.occupant(`${root}/a`), { kind: "file" });
    assert.deepEqual(await store.occupant(`${root}/none`), { kind: "nothing" });
    await store.removeFiles(`${root}/z`, ["b+c=d@e_f", "absent"]);
    await store.move(`${root}/a`, `${root}/moved/a`);
    assert.deepEqual(
      (await store.list(root)).map(({ path: name }) => name),
      ["empty", "moved/a"],
    );
  });

  test("lists of a bucket can have several pages", async () => {
    const { root, store } = place();
    const at = path.join(gateway.directory, root.slice(`s3://${gateway.bucket}/`.length), "many");
    mkdirSync(at, { recursive: true });
    for (let index = 0; index < 1005; index++) writeFileSync(path.join(at, String(index).padStart(4, "0")), "x");
    assert.equal((await store.list(`${root}/many`)).length, 1005);
    assert.equal(proxy.seen.filter(({ path: name }) => name.includes("list-type")).length, 2);
  });

  test("only one create of an object succeeds, by If-None-Match", async () => {
    const { root, store, stores } = place();
    const results = await Promise.all(["a", "b", "c"].map((text) => store.create(`${root}/one`, bytes(text))));
    assert.equal(results.filter(Boolean).length, 1);
    assert.ok(proxy.seen.some(({ headers }) => headers["if-none-match"] === "*"));
    const [first, second] = [await WriterEpoch.take(stores, root), await WriterEpoch.take(stores, root)];
    assert.deepEqual([first.number, second.number], [1, 2]);
    await assert.rejects(first.check(), { code: 12 });
    await second.check();
  });

  test("a bucket without support for If-None-Match is refused", async () => {
    const { root, store } = place();
    proxy.decide = ({ method }) => (method === "PUT" ? { kind: "answer", status: 200 } : undefined);
    await assert.rejects(store.create(`${root}/one`, bytes("a")), { code: 20, reason: "StoreUnsuitable" });
  });

  test("large content is uploaded in parts, each with its SHA-256, and mapped from a fetched copy", async () => {
    const { objects, stores } = place();
    const content = randomBytes(40_000_000);
    const staged = await objects.putStream(chunked(content));
    assert.deepEqual(staged, { digest: digestOf(content), bytes: content.length });
    const parts = proxy.seen.filter(({ path: name }) => name.includes("partNumber"));
    // A busy machine may retry a part.
    assert.equal(new Set(parts.map(({ path: name }) => name)).size, 3);
    assert.ok(parts.every(({ headers }) => headers["x-amz-checksum-sha256"] && headers["x-amz-content-sha256"]));
    const copy = await objects.localCopy(staged.digest);
    assert.match(copy, /^file:/);
    assert.equal(digestOf(await stores.of(copy).read(copy)), staged.digest);
    proxy.seen = [];
    assert.equal(await objects.localCopy(staged.digest), copy);
    assert.equal(proxy.seen.length, 0, "what was fetched is fetched again");
  });
});

/** A small version of the operations of prepare, train and export on a store. */
async function life({ stores, root, objects }: ReturnType<typeof place>): Promise<string[]> {
  const known = await objects.putBytes(bytes("known"));
  const streamed = await objects.putStream(chunked(randomOf(200_000)));
  const epoch = await WriterEpoch.take(stores, `${root}/runs/1`);
  const uri = `${root}/runs/1/adapter`;
  const writer = await DirectoryWriter.begin(stores, uri, { alone: true });
  await writer.write("config", bytes("config"));
  await writer.writeChunks("weights", chunked(randomOf(300_000)));
  await writer.commit({ kind: "test" }, () => epoch.check());
  const { manifest: committed } = (await readManifest(stores, uri, manifest))!;
  const weights = await readListed(stores, uri, committed.files, "weights");
  return [known.digest, streamed.digest, digestOf(weights), ...committed.files.map(({ digest }) => digest)];
}

/** The same bytes each time. */
const randomOf = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7919) >> 5));

const busy: StoreFault = { kind: "answer", status: 503, body: "<Error><Code>SlowDown</Code></Error>" };
const writes = ({ method }: Seen) => ["PUT", "POST", "DELETE"].includes(method);

/** Each with the requests of a life at which it is tested, one at a time. */
const once: readonly { fault: StoreFault; at: (request: Seen, index: number) => boolean }[] = [
  { fault: { kind: "reset" }, at: (_, index) => index % 4 === 0 },
  { fault: { kind: "lost" }, at: writes },
  { fault: busy, at: (_, index) => index % 4 === 2 },
  { fault: { kind: "cut", after: 10 }, at: ({ method }) => method === "GET" },
];

describe("a fault at a request", () => {
  let expected: string[];
  let calmly: Seen[];

  test("a life without faults gives the expected digests", async () => {
    const calm = place();
    expected = await life(calm);
    calmly = [...proxy.seen];
    assert.ok(calmly.length > 20);
    assert.deepEqual(await damaged(calm), []);
  });

  for (const { fault, at } of once) {
    test(`a life reaches the same digests with the fault: ${fault.kind}`, async () => {
      for (const index of [...calmly.keys()].filter((one) => at(calmly[one]!, one))) {
        const disturbed = place();
        proxy.decide = () => (proxy.seen.length === index + 1 ? fault : undefined);
        assert.deepEqual(await life(disturbed), expected, `request ${index}`);
        proxy.decide = () => undefined;
        assert.deepEqual(await damaged(disturbed), [], `request ${index}`);
      }
    });
  }

  test("a permanent fault ends with 24, and no partial data are accepted", async () => {
    for (let at = 0; at < calmly.length; at += 4) {
      const broken = place({ totalMs: 10 });
      proxy.decide = () => (proxy.seen.length > at ? { kind: "answer", status: 500 } : undefined);
      await assert.rejects(life(broken), { code: 24, reason: "StoreUnreachable" }, `request ${at}`);
      proxy.decide = () => undefined;
      assert.deepEqual(await damaged(broken), [], `request ${at}`);
      assert.deepEqual(await life(broken), expected, `after request ${at}`);
    }
  });

  for (const [what, refused] of [
    ["its beginning", /\?uploads=/],
    ["a part", /partNumber=/],
  ] as const) {
    test(`a fault that ends an upload closes the upload's source: ${what}`, async () => {
      const { store, root } = place();
      proxy.decide = ({ path: name }) => (refused.test(name) ? { kind: "answer", status: 400 } : undefined);
      let isOpen = false;
      async function* endless() {
        isOpen = true;
        try {
          for (;;) yield Buffer.alloc(1_000_000);
        } finally {
          isOpen = false;
        }
      }
      await assert.rejects(store.write(`${root}/object`, endless()), { code: 24, reason: "StoreRefused" });
      assert.equal(isOpen, false);
    });
  }

  const steps: [string, RegExp, StoreFault][] = [
    ["its beginning", /\?uploads=/, { kind: "lost" }],
    ["a part", /partNumber=1/, { kind: "reset" }],
    ["a part that arrived", /partNumber=2/, { kind: "lost" }],
    ["its completion", /\?uploadId=[^&]*$/, { kind: "lost" }],
  ];
  for (const [what, step, fault] of steps) {
    test(`a multipart upload succeeds with the fault: ${what}`, async () => {
      const content = randomBytes(17_000_000);
      const { objects } = place();
      let times = 0;
      proxy.decide = ({ path: name }) => (step.test(name) && ++times === 1 ? fault : undefined);
      const staged = await objects.putStream(chunked(content, 1_000_000));
      assert.ok(times > 0, `${step} was not asked`);
      assert.equal(digestOf(await objects.read(staged.digest)), digestOf(content));
    });
  }
});

describe("reading", () => {
  const content = randomOf(2_000_000);

  async function placeWithObject() {
    const made = place();
    const staged = await made.objects.putBytes(content);
    return { ...made, staged };
  }
  const isGet = ({ method, path: name }: Seen) => method === "GET" && name.includes("/objects/");

  test("reading resumes where it broke off or went silent", async () => {
    for (const kind of ["cut", "silent"] as const) {
      const { objects, staged } = await placeWithObject();
      let times = 0;
      const often = kind === "cut" ? 3 : 1;
      proxy.decide = (request) => (isGet(request) && ++times <= often ? { kind, after: 500_000 } : undefined);
      assert.equal(digestOf(await objects.read(staged.digest)), staged.digest);
      assert.deepEqual(
        proxy.seen.filter(isGet).map(({ headers }) => headers.range !== undefined),
        [false, ...Array.from({ length: often }, () => true)],
      );
    }
  });

  test("reading detects a changed byte, keeps no copy, and ends with 23", async () => {
    const { objects, staged } = await placeWithObject();
    proxy.decide = (request) => (isGet(request) ? { kind: "flip" } : undefined);
    await assert.rejects(objects.read(staged.digest), { code: 23, reason: "ObjectCorrupt" });
    await assert.rejects(objects.localCopy(staged.digest), { code: 23, reason: "ObjectCorrupt" });
    proxy.decide = () => undefined;
    assert.match(await objects.localCopy(staged.digest), /^file:/);
  });

  test("reading into full local space ends with 24 and leaves nothing there, and succeeds with free space", async (t) => {
    const scratch = await temporaryDirectory(t);
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", scratch]);
    try {
      const { objects } = place({ scratch });
      const staged = await objects.putBytes(randomBytes(3_000_000));
      const fetched = objects.localCopy(staged.digest);
      await assert.rejects(fetched, { code: 24, reason: "StoreFull", message: /local space .* is full/ });
      assert.deepEqual(readdirSync(scratch), []);
      await run("mount", ["-o", "remount,size=8m", scratch]);
      assert.match(await objects.localCopy(staged.digest), /^file:/);
    } finally {
      await run("umount", [scratch]);
    }
  });

  test("reading reports a missing object", async () => {
    const { objects, stores } = place({ scratch: path.join(directory, "other-scratch") });
    const staged = await objects.putBytes(content);
    await stores.of(objects.uri(staged.digest)).remove(objects.uri(staged.digest));
    await assert.rejects(objects.localCopy(staged.digest), { code: 23, reason: "ObjectMissing" });
  });

  test("a missing bucket and a wrong key are reported, without the secret in any message", async () => {
    const { stores } = place();
    const elsewhere = "s3://no-such-bucket/x";
    const locations = [{ uri: elsewhere, endpoint: gateway.endpoint, secretRef: { name: "s3" } }];
    const other = new Stores({ locations, secretsRoot: gateway.secretsRoot, patience });
    await assert.rejects(other.of(elsewhere).list(elsewhere), { code: 20, reason: "BucketMissing" });
    assert.ok(stores);
    const secretsRoot = path.join(directory, "wrong");
    mkdirSync(path.join(secretsRoot, "s3"), { recursive: true });
    for (const [name, value] of Object.entries({ ...account, AWS_SECRET_ACCESS_KEY: "not-the-secret" })) {
      writeFileSync(path.join(secretsRoot, "s3", name), value);
    }
    const { store, root } = place({ secretsRoot });
    const refused = await store.list(root).then(
      () => undefined,
      (error: Error) => error,
    );
    assert.match(refused?.message ?? "", /access is denied .*secretRef/);
    assert.equal(refused && "code" in refused && refused.code, 24);
    assert.equal(refused?.message.includes("not-the-secret"), false);
  });
});

test("credentials that expire in the middle are read again, and the write continues", async () => {
  const secretsRoot = path.join(directory, "rotating");
  // Like the kubelet: a new directory, and a swapped link.
  const set = (key: string) => {
    const version = path.join(secretsRoot, "s3", `..${key}`);
    mkdirSync(version, { recursive: true });
    for (const [name, value] of Object.entries({ ...account, AWS_ACCESS_KEY_ID: key })) {
      writeFileSync(path.join(version, name), value);
    }
    symlinkSync(version, path.join(secretsRoot, "s3", "..new"));
    renameSync(path.join(secretsRoot, "s3", "..new"), path.join(secretsRoot, "s3", "..data"));
  };
  set("old");
  const rotating = place({ secretsRoot });
  const expired = "<Error><Code>ExpiredToken</Code><Message>it has expired</Message></Error>";
  let refusals = 0;
  proxy.decide = ({ headers }) => {
    if (!headers.authorization?.includes("Credential=old/")) return undefined;
    refusals++;
    return { kind: "answer", status: 400, body: expired };
  };
  const rotated = sleep(200).then(() => set(account.AWS_ACCESS_KEY_ID));
  assert.ok((await life(rotating)).length > 0);
  await rotated;
  assert.ok(refusals > 1);
  set("old");
  const quick = place({ secretsRoot, totalMs: 100 });
  proxy.decide = () => ({ kind: "answer", status: 400, body: expired });
  await assert.rejects(life(quick), { code: 24, message: /ExpiredToken/ });
});

test("a refusal of HEAD that has passed when its cause is fetched is retried, for a present and a missing object", async () => {
  const { store, root } = place();
  await store.write(`${root}/present`, bytes("present"));
  for (const [name, found] of [
    ["present", 7],
    ["missing", undefined],
  ] as const) {
    let refusals = 0;
    proxy.decide = ({ method }) =>
      method === "HEAD" && refusals++ === 0 ? { kind: "answer", status: 400, body: "" } : undefined;
    assert.equal((await store.stat(`${root}/${name}`))?.bytes, found);
    assert.equal(refusals, 2);
  }
});

test("a training in a bucket that is interrupted, resumed and exported has the result of one in a directory", async (t) => {
  const { root, stores } = place({ scratch: await temporaryDirectory(t) });
  const options = { training: { maxSteps: 8, checkpoint: { everySteps: 2 } } };
  const [local, remote] = [
    await TinyTraining.make(t, options),
    await TinyTraining.make(t, { ...options, artifacts: { root, stores } }),
  ];
  const expected = await runTrain(await local.trainFile(), local.context());
  const file = await remote.trainFile();
  const context = remote.context();
  const onProgress = (line: { phase: string; done: number }) => {
    if (line.phase === "Training" && line.done === 5) context.stop();
  };
  await assert.rejects(runTrain(file, { ...context, onProgress }), { code: 10 });
  const trained = await runTrain(file, remote.context());
  assert.equal(trained.figures.resumes, 1);
  assert.equal((await runTrain(file, remote.context())).reused, true);
  const weights = async (training: TinyTraining, uris: Stores, run: string) => {
    const uri = `${training.artifactRoot}/runs/${run}/adapter`;
    const { files } = (await readManifest(uris, uri, manifest))!.manifest;
    return files.find(({ path: name }) => name === "adapter_model.safetensors")?.digest;
  };
  assert.equal(
    await weights(remote, stores, trained.figures.runHash),
    await weights(local, local.context().stores, expected.figures.runHash),
  );
  const made = await runExport(
    await remote.exportFile(trained.figures.adapterDigest, { maxShardBytes: 1_000_000 }),
    remote.context(),
  );
  assert.ok(made.figures.maxLogitDifference < 1);
  assert.deepEqual(await damaged({ root, stores, store: stores.of(root), objects: new Objects(stores, root) }), []);
  await exportsFromTheCommandLine(remote, trained.figures.runHash);
});

/** Like a user: credentials and endpoint in the environment, adapter and target as URIs. */
async function exportsFromTheCommandLine({ artifactRoot, directory: work }: TinyTraining, run: string): Promise<void> {
  const to = `s3://${gateway.bucket}/models/tiny`;
  const env = { ...account, AWS_ENDPOINT_URL: gateway.endpoint };
  const command = ["export", `${artifactRoot}/runs/${run}/adapter`, "--to", to, "--output", "json"];
  const ended = await luthier(work, command, { env });
  assert.equal(ended.status, 0, ended.stderr);
  const { place: written, reused, maxLogitDifference } = JSON.parse(ended.stdout);
  assert.deepEqual([written, reused], [to, false]);
  assert.ok(maxLogitDifference < 1);
  assert.ok(!`${ended.stdout}${ended.stderr}`.includes(account.AWS_SECRET_ACCESS_KEY));
  const locations = [{ uri: to, endpoint: gateway.endpoint, secretRef: { name: "s3" } }];
  const stores = new Stores({ locations, secretsRoot: gateway.secretsRoot, patience });
  const { files } = (await readManifest(stores, to, manifest))!.manifest;
  assert.equal(await damageOf(stores, to, files), undefined);
  assert.ok(["README.md", "config.json", "model.safetensors"].every((name) => files.some((one) => one.path === name)));
  await leavesFilesOfOthers(stores, to, () => luthier(work, command, { env }));
  const wrong = await luthier(work, command, { env: { ...env, AWS_SECRET_ACCESS_KEY: "another" } });
  assert.equal(wrong.status, 24, wrong.stderr);
  assert.match(wrong.stderr, /AccessDenied/);
}

/** A damaged export is repaired beside them; a prefix with only foreign files is refused. */
async function leavesFilesOfOthers(stores: Stores, to: string, run: () => ReturnType<typeof luthier>): Promise<void> {
  const store = stores.of(to);
  const mine = ["notes.txt", "data/rows.jsonl"];
  const kept = async () => {
    for (const name of mine) assert.equal(Buffer.from(await store.read(`${to}/${name}`)).toString(), "mine", name);
  };
  for (const name of mine) await store.write(`${to}/${name}`, bytes("mine"));
  await store.write(`${to}/model.safetensors`, bytes("cut"));
  const repaired = await run();
  assert.equal(repaired.status, 0, repaired.stderr);
  await kept();
  const { files } = (await readManifest(stores, to, manifest))!.manifest;
  assert.equal(await damageOf(stores, to, files), undefined);
  // A process killed during its commit: the manifest is still at its temporary name.
  const leftover = `${to}.tmp-${Date.now()}-${randomUUID()}`;
  await store.move(`${to}/manifest.json`, `${leftover}/manifest.json`);
  const refused = await run();
  assert.equal(refused.status, 20, refused.stderr);
  assert.match(refused.stderr, /DestinationInUse: .*(data|notes\.txt)/);
  await kept();
  await store.removeFiles(to, mine);
  const resumed = await run();
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.equal(await damageOf(stores, to, files), undefined);
}
