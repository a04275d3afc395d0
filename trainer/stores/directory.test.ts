import assert from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { z } from "zod";
import { temporaryDirectory } from "../testing/temporary.ts";
import { DirectoryWriter, fileList, readListed, readManifest } from "./directory.ts";
import { Stores } from "./stores.ts";

const bytes = (text: string) => Buffer.from(text);
const nothing = async () => {};
const manifest = z.object({ files: fileList });

test("two writers of one directory: what appears is whole, whoever is the last", async (t) => {
  const directory = await temporaryDirectory(t);
  const [stores, uri] = [new Stores(), `file://${directory}/d`];
  const first = await DirectoryWriter.begin(stores, uri);
  await first.write("weights", bytes("first"));
  const second = await DirectoryWriter.begin(stores, uri);
  await first.write("config", bytes("first"));
  await second.write("weights", bytes("second"));
  for (const [writer, words] of [
    [first, ["first", "first"]],
    [second, ["second"]],
  ] as const) {
    const digest = await writer.commit({}, nothing);
    const found = await readManifest(stores, uri, manifest);
    assert.equal(found?.digest, digest);
    const { files } = found!.manifest;
    const read = await Promise.all(files.map(({ path }) => readListed(stores, uri, files, path)));
    assert.deepEqual(
      read.map((content) => Buffer.from(content).toString()),
      words,
    );
  }
  assert.deepEqual(await readdir(directory), ["d"]);
});

test("a directory that lost a file while it was written does not appear", async (t) => {
  const directory = await temporaryDirectory(t);
  const writer = await DirectoryWriter.begin(new Stores(), `file://${directory}/d`);
  await writer.write("weights", bytes("weights"));
  await writer.write("config", bytes("config"));
  const lose = () => rm(`${writer.temporaryUri.slice("file://".length)}/weights`);
  await assert.rejects(writer.commit({}, lose), { code: 24, reason: "WriteLost", message: /weights/ });
  assert.equal((await readdir(directory)).includes("d"), false);
  await writer.discard();
  assert.deepEqual(await readdir(directory), []);
});

test("a writer begins by clearing what was left behind long ago, or all of it when it is the only one", async (t) => {
  const directory = await temporaryDirectory(t);
  const now = Date.now();
  const left = [`d.tmp-${now - 1000}-a`, `d.tmp-${now - 86_400_000}-b`, `e.tmp-${now - 86_400_000}-c`];
  for (const name of left) {
    await mkdir(`${directory}/${name}`);
    await writeFile(`${directory}/${name}/weights`, "half");
  }
  const uri = `file://${directory}/d`;
  await DirectoryWriter.begin(new Stores(), uri);
  assert.deepEqual((await readdir(directory)).sort(), [left[0], left[2]].sort());
  await DirectoryWriter.begin(new Stores(), uri, { alone: true });
  assert.deepEqual(await readdir(directory), [left[2]]);
});
