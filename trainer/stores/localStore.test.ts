import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../testing/temporary.ts";
import { digestOf } from "./digest.ts";
import { LocalStore } from "./localStore.ts";
import { Objects } from "./objects.ts";
import { MissingFileError } from "./store.ts";
import { Stores } from "./stores.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("a claim is a directory, found by its name or by a mapping", async (t) => {
  const directory = await temporaryDirectory(t);
  const stores = new Stores({
    claimsRoot: `${directory}/claims`,
    claims: new Map([["mapped", `${directory}/elsewhere`]]),
  });
  await stores.of("pvc://plain/a").write("pvc://plain/a/b.txt", bytes("plain"));
  await stores.of("pvc://mapped/a").write("pvc://mapped/b.txt", bytes("mapped"));
  assert.deepEqual(await readdir(`${directory}/claims/plain/a`), ["b.txt"]);
  assert.deepEqual(await readdir(`${directory}/elsewhere`), ["b.txt"]);
  assert.throws(() => stores.of("gs://bucket/x"), /supported: file:\/\/, pvc:\/\/, s3:\/\/, hf:\/\//);
  await assert.rejects(stores.of("pvc://a/x").read("pvc://a/../../etc/passwd"), /not of the form/);
});

test("the local store reads ranges, streams, lists in order, and names a missing file", async (t) => {
  const directory = await temporaryDirectory(t);
  const uri = `file://${directory}`;
  const store = new Stores().of(uri);
  await store.write(`${uri}/z/b`, bytes("0123456789"));
  await store.write(`${uri}/a`, bytes("x"));
  await writeFile(`${directory}/z/.luthier-tmp-left-by-a-crash`, "half");
  assert.equal(Buffer.from(await store.read(`${uri}/z/b`, { start: 2, end: 5 })).toString(), "234");
  await assert.rejects(store.read(`${uri}/z/b`, { start: 8, end: 12 }), /ends at byte 10/);
  assert.deepEqual(
    (await store.list(uri)).map(({ path }) => path),
    ["a", "z/b"],
  );
  assert.deepEqual(await store.list(`${uri}/none`), []);
  await assert.rejects(store.read(`${uri}/none`), MissingFileError);
  await assert.rejects(store.read(`${uri}/z`), { code: 20, reason: "NotAFile", message: /is a directory/ });
  assert.equal(await store.stat(`${uri}/a/below-a-file`), undefined);
});

test("only one of several creates of a file succeeds", async (t) => {
  const uri = `file://${await temporaryDirectory(t)}/epoch-1`;
  const store = new Stores().of(uri);
  const results = await Promise.all(["a", "b", "c"].map((text) => store.create(uri, bytes(text))));
  assert.equal(results.filter(Boolean).length, 1);
});

test("a failed write leaves the previous file and nothing else", async (t) => {
  const directory = await temporaryDirectory(t);
  const uri = `file://${directory}/f`;
  const store = new Stores().of(uri);
  await store.write(uri, bytes("old"));
  async function* broken() {
    yield bytes("new");
    throw new Error("the source broke");
  }
  await assert.rejects(store.write(uri, broken()), /broke/);
  assert.equal(Buffer.from(await store.read(uri)).toString(), "old");
  assert.deepEqual(await readdir(directory), ["f"]);
});

test("a commit removes the files of the replaced manifest and keeps other programs' files", async (t) => {
  const directory = await temporaryDirectory(t);
  const [uri, store] = [`file://${directory}`, new Stores().of(`file://${directory}`)];
  const write = async (at: string, ...names: string[]) => {
    for (const name of names) await store.write(`${uri}/${at}/${name}`, bytes(at));
  };
  await write("first", "state", "deep/a", "manifest.json");
  await store.commitDirectory(`${uri}/first`, `${uri}/d`, {
    files: ["deep/a", "manifest.json", "state"],
    replaced: [],
  });
  await write("d", "mine", "deep/mine");
  await write("second", "state", "other", "manifest.json");
  await store.commitDirectory(`${uri}/second`, `${uri}/d`, {
    files: ["manifest.json", "other", "state"],
    replaced: ["deep/a", "state"],
  });
  const found = await Promise.all(
    (await store.list(uri)).map(async ({ path }) => [path, await readFile(`${directory}/${path}`, "utf8")]),
  );
  assert.deepEqual(found, [
    ["d/deep/mine", "d"],
    ["d/manifest.json", "second"],
    ["d/mine", "d"],
    ["d/other", "second"],
    ["d/state", "second"],
  ]);
  assert.deepEqual(await readdir(directory), ["d"]);
});

test("removing a directory removes its named and unfinished files, and the directory if it is then empty", async (t) => {
  const directory = await temporaryDirectory(t);
  const [uri, store] = [`file://${directory}`, new Stores().of(`file://${directory}`)];
  for (const name of ["a", "deep/b", `.luthier-tmp-${randomUUID()}`, ".luthier-tmp-mine"]) {
    await store.write(`${uri}/d/${name}`, bytes("x"));
    await store.write(`${uri}/e/${name.replace("tmp-mine", `tmp-${randomUUID()}`)}`, bytes("x"));
  }
  for (const name of ["d", "e"]) await store.removeFiles(`${uri}/${name}`, ["a", "deep/b", "absent"]);
  assert.deepEqual(await readdir(directory, { recursive: true }), ["d", "d/.luthier-tmp-mine"]);
  await mkdir(`${directory}/d/sub`);
  await assert.rejects(store.remove(`${uri}/d/sub`));
  await assert.rejects(store.remove(`${uri}/d`));
});

/** Records the paths that are synced from now on, by their names at that moment. */
async function watchSyncs(t: TestContext): Promise<Set<string>> {
  const synced = new Set<string>();
  const handle = await open("/dev/null");
  await handle.close();
  const { sync } = handle;
  t.mock.method(Object.getPrototypeOf(handle), "sync", async function (this: FileHandle) {
    await sync.call(this);
    synced.add(await readlink(`/proc/self/fd/${this.fd}`));
  });
  return synced;
}

test("a written file is durable together with every directory created for it", async (t) => {
  const directory = await temporaryDirectory(t);
  const uri = `file://${directory}`;
  const store = new Stores().of(uri);
  await store.write(`${uri}/from/file`, bytes("x"));
  await store.write(`${uri}/source/file`, bytes("x"));
  const placings: [string, (at: string) => Promise<unknown>][] = [
    ["write", (at) => store.write(`${at}/file`, bytes("x"))],
    ["create", (at) => store.create(`${at}/file`, bytes("x"))],
    ["move", (at) => store.move(`${uri}/from/file`, `${at}/file`)],
    ["commit", (at) => store.commitDirectory(`${uri}/source`, `${at}/d`, { files: ["file"], replaced: [] })],
  ];
  const synced = await watchSyncs(t);
  for (const [what, place] of placings) {
    synced.clear();
    await place(`${uri}/${what}/a/b`);
    const made = ["", `/${what}`, `/${what}/a`, `/${what}/a/b`].map((below) => `${directory}${below}`);
    assert.deepEqual(
      made.filter((one) => !synced.has(one)),
      [],
      what,
    );
  }
});

test("an object is found by its digest, and a changed one is refused", async (t) => {
  const objects = new Objects(new Stores(), `file://${await temporaryDirectory(t)}`);
  const staged = await objects.putStream(chunksOf("cont", "ent"));
  assert.deepEqual(staged, { digest: digestOf(bytes("content")), bytes: 7 });
  assert.equal(Buffer.from(await objects.read(staged.digest)).toString(), "content");
  await writeFile(fileURLToPath(await objects.localCopy(staged.digest)), "cOntent");
  await assert.rejects(objects.read(staged.digest), { code: 23, reason: "ObjectCorrupt" });
  await assert.rejects(objects.localCopy(staged.digest), { code: 23, reason: "ObjectCorrupt" });
  await assert.rejects(objects.read(digestOf(bytes("other"))), { code: 23, reason: "ObjectMissing" });
});

test("an object with the wrong digest never appears, and an interrupted write leaves nothing", async (t) => {
  const directory = await temporaryDirectory(t);
  const objects = new Objects(new Stores(), `file://${directory}`);
  const expected = { digest: digestOf(bytes("content")), wrong: () => new Error("another") };
  await assert.rejects(objects.putStream(chunksOf("cOntent"), expected), /another/);
  assert.equal(await objects.has({ digest: expected.digest, bytes: 7 }), false);
  async function* broken() {
    yield bytes("cont");
    throw new Error("the source broke");
  }
  await assert.rejects(objects.putStream(broken()), /broke/);
  assert.deepEqual(await readdir(`${directory}/objects`), []);
  assert.deepEqual(await readdir(`${directory}/incoming`), []);
  assert.equal((await objects.putStream(chunksOf("content"), expected)).bytes, 7);
});

async function* chunksOf(...texts: string[]) {
  for (const text of texts) yield bytes(text);
}

test("a file is read in pieces of one memory, whole and in order", async (t) => {
  const uri = `file://${await temporaryDirectory(t)}/large`;
  const content = Buffer.alloc(2_500_000, "0123456789");
  const store = new LocalStore((address) => address.slice("file://".length));
  await store.write(uri, content);
  const seen: Buffer[] = [];
  const memories = new Set<ArrayBufferLike>();
  for await (const piece of store.pieces(uri)) {
    seen.push(Buffer.from(piece));
    memories.add(piece.buffer);
  }
  assert.ok(Buffer.concat(seen).equals(content));
  assert.equal(memories.size, 1);
  await assert.rejects(async () => {
    for await (const _ of store.pieces(`${uri}-none`));
  }, MissingFileError);
});
