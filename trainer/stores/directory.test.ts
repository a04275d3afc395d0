import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { temporaryDirectory } from "../testing/temporary.ts";
import { DirectoryWriter, fileList, readListed, readManifest } from "./directory.ts";
import { Stores } from "./stores.ts";

const bytes = (text: string) => Buffer.from(text);
const nothing = async () => {};
const manifest = z.object({ files: fileList });

test("two writers of one directory leave a complete directory, whichever is last", async (t) => {
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

/** A writer that was killed after one file, `age` milliseconds ago. */
async function killed(stores: Stores, uri: string, age: number): Promise<string> {
  const writer = await DirectoryWriter.begin(stores, uri);
  await writer.write("weights", bytes("half"));
  const [at, begun] = [fileURLToPath(writer.temporaryUri), /tmp-([0-9]+)/.exec(writer.temporaryUri)![1]!];
  await writeFile(`${at}/.luthier-tmp-${randomUUID()}`, "half");
  const aged = at.replace(begun, String(Number(begun) - age));
  await rename(at, aged);
  return path.basename(aged);
}

test("a writer first removes old leftovers, or all leftovers when it is the only writer", async (t) => {
  const directory = await temporaryDirectory(t);
  const [stores, uri] = [new Stores(), `file://${directory}/d`];
  const [young, old, other] = [
    await killed(stores, uri, 1000),
    await killed(stores, uri, 86_400_000),
    await killed(stores, `file://${directory}/e`, 86_400_000),
  ];
  assert.deepEqual((await readdir(directory)).sort(), [old, young, other]);
  await DirectoryWriter.begin(stores, uri);
  assert.deepEqual((await readdir(directory)).sort(), [young, other]);
  await DirectoryWriter.begin(stores, uri, { alone: true });
  assert.deepEqual(await readdir(directory), [other]);
});

test("clearing removes only files that a writer recorded; other programs' files stay in every directory", async (t) => {
  const directory = await temporaryDirectory(t);
  const [stores, uri] = [new Stores(), `file://${directory}/d`];
  const old = Date.now() - 86_400_000;
  const foreign = [`d.tmp-${old}-backup`, `d.tmp-20240101-notes`, `d.tmp-${old}-${randomUUID()}`];
  foreign.push(await killed(stores, uri, 86_400_000));
  for (const name of foreign) {
    await mkdir(`${directory}/${name}/deep`, { recursive: true });
    for (const file of ["mine", "deep/mine"]) await writeFile(`${directory}/${name}/${file}`, "mine");
  }
  await DirectoryWriter.begin(stores, uri, { alone: true });
  const left = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  assert.deepEqual(
    left.map(({ parentPath, name }) => path.relative(directory, `${parentPath}/${name}`)).sort(),
    foreign.flatMap((name) => [`${name}/deep/mine`, `${name}/mine`]).sort(),
  );
});

test("a manifest or a journal that names files outside its directory removes none of them", async (t) => {
  const directory = await temporaryDirectory(t);
  const [stores, uri] = [new Stores(), `file://${directory}/d`];
  await writeFile(`${directory}/mine`, "mine");
  for (const name of ["../mine", "%2e%2e/mine", "/mine", "a/../../mine"]) {
    const leftover = `${directory}/d.tmp-${Date.now()}-${randomUUID()}`;
    await mkdir(leftover);
    await writeFile(`${leftover}/.luthier-tmp-journal`, JSON.stringify([name]));
    await DirectoryWriter.begin(stores, uri, { alone: true });
    const writer = await DirectoryWriter.begin(stores, uri);
    await assert.rejects(writer.write(name, bytes("x")));
  }
  assert.equal(await readFile(`${directory}/mine`, "utf8"), "mine");
  const files = [{ path: "../mine", digest: `sha256:${"0".repeat(64)}`, bytes: 4 }];
  assert.equal(fileList.safeParse(files).success, false);
});

test("a commit over an older directory removes the files that the old manifest names, and no others", async (t) => {
  const directory = await temporaryDirectory(t);
  const [stores, uri] = [new Stores(), `file://${directory}/d`];
  for (const names of [["a", "b"], ["b"]]) {
    const writer = await DirectoryWriter.begin(stores, uri);
    for (const name of names) await writer.write(name, bytes(String(names)));
    await writer.commit({}, nothing);
    await writeFile(`${directory}/d/mine`, "mine");
  }
  assert.deepEqual((await readdir(`${directory}/d`)).sort(), ["b", "manifest.json", "mine"]);
  assert.equal(await readFile(`${directory}/d/b`, "utf8"), "b");
  assert.deepEqual(await readdir(directory), ["d"]);
});
