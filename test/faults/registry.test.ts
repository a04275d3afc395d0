/**
 * Tests the push of an export to real registries, with broken exchanges too: a tag names only an artifact that was read back whole,
 * a blob is sent once, and nothing that an export did not write is changed.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { luthier } from "../../cli/testing/process.ts";
import { run } from "../../terminal/runProgram.ts";
import type { Profile } from "../../trainer/contract/exports.ts";
import { registryKey } from "../../trainer/contract/locations.ts";
import { type ExportDirectory, publish } from "../../trainer/export/publish.ts";
import { runTrain } from "../../trainer/stages/train.ts";
import { digestOf } from "../../trainer/stores/digest.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { TinyTraining } from "../../trainer/testing/tinyTraining.ts";
import {
  dockerConfig,
  login,
  type RunningRegistry,
  startDistribution,
  startOlareg,
  startTokenService,
  type TokenService,
} from "../stores/registry.ts";
import { type Seen, type StoreFault, type StoreProxy, startStoreProxy } from "../stores/storeProxy.ts";

let directory: string;
let tokens: TokenService;
const registries = new Map<string, { registry: RunningRegistry; proxy: StoreProxy }>();

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "luthier-registry-"));
  tokens = await startTokenService(directory);
  const starting = {
    passwords: () => startDistribution(path.join(directory, "passwords")),
    tokens: () => startDistribution(path.join(directory, "tokens"), { tokens }),

    olareg: () => startOlareg(path.join(directory, "olareg")),
  };
  for (const [name, start] of Object.entries(starting)) {
    const registry = await start();
    registries.set(name, { registry, proxy: await startStoreProxy(registry.endpoint) });
  }
});

after(async () => {
  for (const { registry, proxy } of registries.values()) {
    proxy.close();
    await registry.stop();
  }
  tokens?.close();
  rmSync(directory, { recursive: true, force: true });
});

const names = ["passwords", "tokens", "olareg"] as const;
const patience = { totalMs: 10_000, firstPauseMs: 2, longestPauseMs: 20, silenceMs: 3000 };
let places = 0;

/** A separate repository of a registry, accessed through its proxy, and the directory of an export. */
function place(name: string, { password = login.password, bytes = 300_000, totalMs = patience.totalMs } = {}) {
  const { proxy } = registries.get(name)!;
  proxy.seen = [];
  proxy.decide = () => undefined;
  const at = path.join(directory, `place-${places++}`);
  mkdirSync(path.join(at, "files/more"), { recursive: true });
  mkdirSync(path.join(at, "secrets/login"), { recursive: true });
  const contents = {
    "README.md": Buffer.from("a card"),
    "config.json": Buffer.from("{}"),
    "model.safetensors": randomBytes(bytes),
    [`more/${"n".repeat(120)}.json`]: Buffer.from(`{"place": "${at}"}`),
  };
  const files = Object.entries(contents).map(([file, content]) => {
    writeFileSync(path.join(at, "files", file), content);
    return { path: file, digest: digestOf(content), bytes: content.length };
  });
  const uri = `oci://registry.example/team/place-${places}`;
  writeFileSync(path.join(at, "secrets/login", registryKey), dockerConfig("registry.example", { ...login, password }));
  const stores = new Stores({
    locations: [{ uri, endpoint: proxy.endpoint, secretRef: { name: "login" } }],
    secretsRoot: path.join(at, "secrets"),
    patience: { ...patience, totalMs },
  });
  const exported: ExportDirectory = { stores, uri: `file://${at}/files`, files };
  const registry = stores.registry(uri);
  const push = async (profile: Profile, tag?: string) =>
    await publish(exported, {
      registry,
      facts: {
        profile,
        title: "place",
        settings: { kind: "merged", base: "Original", dtype: "BF16", maxShardBytes: 5e9 },
        name: "merged",
        ...{ runHash: "r".repeat(64), adapterDigest: digestOf(bytesOf("a")), baseDigest: digestOf(bytesOf("b")) },
      },
      revisionTag: "merged-1",
      tag,
      onBytes: () => {},
      throwIfStopped: () => {},
    });
  return { at, proxy, registry, push, exported, contents };
}

const bytesOf = (text: string) => Buffer.from(text);

async function contentAt({ registry }: Pick<ReturnType<typeof place>, "registry">, tag: string) {
  const found = await registry.manifest(tag);
  return found && { ...found, content: JSON.parse(Buffer.from(found.bytes).toString()) };
}

async function blobOf({ registry }: Pick<ReturnType<typeof place>, "registry">, digest: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of registry.blob(digest)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("an export is pushed to a registry", () => {
  for (const name of names) {
    test(`as an image whose layers tar unpacks to the same files, with a tag for the revision (${name})`, async () => {
      const one = place(name);
      const pushed = await one.push("Image");
      const found = await contentAt(one, "merged-1");
      assert.equal(found?.digest, pushed.artifactDigest);
      assert.equal(await one.registry.manifest("merged-promoted"), undefined);
      const unpacked = path.join(one.at, "unpacked");
      mkdirSync(unpacked);
      for (const { digest } of found?.content.layers ?? []) {
        writeFileSync(path.join(one.at, "layer.tar"), await blobOf(one, digest));
        await run("tar", ["-xf", path.join(one.at, "layer.tar"), "-C", unpacked]);
      }
      for (const [file, content] of Object.entries(one.contents))
        assert.deepEqual(readFileSync(path.join(unpacked, "models", file)), content);
      const config = JSON.parse(`${await blobOf(one, found?.content.config.digest)}`);
      assert.deepEqual(
        config.rootfs.diff_ids,
        found?.content.layers.map(({ digest }: { digest: string }) => digest),
      );
    });

    test(`as a ModelPack whose layers are the files, and a second push sends nothing and moves the tag (${name})`, async () => {
      const one = place(name);
      const pushed = await one.push("ModelPack");
      assert.ok(pushed.uploadedBytes > 300_000 && pushed.uploadedBytes < pushed.artifactBytes);
      const found = await contentAt(one, "merged-1");
      assert.equal(found?.content.artifactType, "application/vnd.cncf.model.manifest.v1+json");
      for (const { digest, annotations } of found?.content.layers ?? []) {
        const file = annotations["org.cncf.model.filepath"];
        assert.deepEqual(await blobOf(one, digest), Reflect.get(one.contents, file), file);
      }
      one.proxy.seen = [];
      const again = await one.push("ModelPack", "merged-promoted");
      assert.deepEqual([again.artifactDigest, again.uploadedBytes], [pushed.artifactDigest, 0]);
      const written = one.proxy.seen.filter(({ method }) => !["GET", "HEAD"].includes(method));
      assert.deepEqual(
        written.map(({ method, path: at }) => [method, path.basename(at)]),
        // A token to write is asked for by a refused request.
        written.map(() => ["PUT", "merged-promoted"]),
      );
      assert.equal((await one.registry.manifest("merged-promoted"))?.digest, pushed.artifactDigest);
      const image = await one.push("Image", "merged-promoted");
      assert.notEqual(image.artifactDigest, pushed.artifactDigest);
      assert.equal((await one.registry.manifest("merged-promoted"))?.digest, image.artifactDigest);
      assert.ok(await one.registry.manifest(pushed.artifactDigest), "nothing is deleted");
    });
  }

  test("a large file goes in chunks, and after a lost response resumes at the bytes that the registry has", async () => {
    for (const name of ["passwords", "olareg"]) {
      const one = place(name, { bytes: 17_000_000 });
      let lost = 0;
      one.proxy.decide = ({ method, headers }) =>
        method === "PATCH" && `${headers["content-range"]}`.startsWith("16777216-") && lost++ === 0
          ? { kind: "reset" }
          : undefined;
      await one.push("ModelPack");
      const ranges = one.proxy.seen.flatMap(({ method, headers }) =>
        method === "PATCH" ? [headers["content-range"] ?? ""] : [],
      );
      const long = ranges.filter((range) => Number(range.split("-")[1]) > 1e6);
      assert.deepEqual(long, ["0-16777215", "16777216-16999999", "16777216-16999999"], name);
    }
  });
});

test("luthier export writes an adapter and pushes it with the login of docker; a further tag uploads nothing", async (t) => {
  const tiny = await TinyTraining.make(t, { training: { maxSteps: 2 } });
  await runTrain(await tiny.trainFile(), tiny.context());
  const { host } = registries.get("passwords")!.registry;
  writeFileSync(`${tiny.directory}/config.json`, dockerConfig(host));
  const adapter = `${await tiny.runPath()}/adapter`;
  const push = async (to: string) => {
    const args = [
      "--format",
      "adapter",
      "--to",
      `oci://${host}/team/${to}`,
      "--profile",
      "ModelPack",
      "--output",
      "json",
    ];
    const env = { DOCKER_CONFIG: tiny.directory };
    const ended = await luthier(tiny.directory, ["export", adapter, ...args], { env });
    assert.equal(ended.status, 0, ended.stderr);
    return JSON.parse(ended.stdout);
  };
  const first = await push("bot:v1");
  assert.match(first.artifact, /^oci:\/\/127\.0\.0\.1:\d+\/team\/bot@sha256:[0-9a-f]{64}$/);
  assert.ok(first.uploadedBytes > 0);
  const again = await push("bot:v2");
  assert.deepEqual([again.artifact, again.uploadedBytes, again.reused], [first.artifact, 0, true]);
});

describe("broken exchanges with a registry", () => {
  const faults: Record<string, StoreFault> = {
    "503": { kind: "answer", status: 503, body: "busy" },
    reset: { kind: "reset" },
    "a lost response": { kind: "lost" },
    "a cut response": { kind: "cut", after: 0 },
  };
  for (const [what, fault] of Object.entries(faults)) {
    test(`every exchange meets ${what} once, and the artifact is whole`, async () => {
      for (const name of ["passwords", "olareg"]) {
        const one = place(name);
        const broken = new Set<string>();
        one.proxy.decide = ({ method, path: at }: Seen) => {
          const kind = `${method} ${at.replace(/uploads\/.+/, "uploads/ID").replace(/sha256:.*/, "DIGEST")}`;
          if (broken.has(kind)) return undefined;
          broken.add(kind);
          return fault;
        };
        const pushed = await one.push("Image", "merged-promoted");
        assert.ok(broken.size >= 10, [...broken].join(", "));
        one.proxy.decide = () => undefined;
        for (const tag of ["merged-1", "merged-promoted"]) {
          const found = await contentAt(one, tag);
          assert.equal(found?.digest, pushed.artifactDigest);
          for (const { digest } of found?.content.layers ?? []) await blobOf(one, digest);
        }
      }
    });
  }

  test("a flipped bit in a blob that is read back is noticed, and no tag names the artifact", async () => {
    const one = place("olareg");
    one.proxy.decide = ({ method, path: at }) =>
      method === "GET" && at.includes("/blobs/sha256:") ? { kind: "flip" } : undefined;
    await assert.rejects(one.push("Image", "merged-promoted"), { code: 23, reason: "DigestMismatch" });
    one.proxy.decide = () => undefined;
    for (const tag of ["merged-1", "merged-promoted"]) assert.equal(await one.registry.manifest(tag), undefined);
  });

  test("a token that expires is asked for again", async () => {
    const one = place("tokens");
    tokens.lifetime = -57;
    try {
      await one.push("ModelPack");
      const before = tokens.given.length;
      await sleep(3200);
      await one.push("Image");
      assert.ok(tokens.given.length > before);
    } finally {
      tokens.lifetime = 300;
    }
  });

  test("a registry that stays away is given up with the reason, and one that refuses the login says so", async () => {
    const away = place("olareg", { totalMs: 100 });
    away.proxy.decide = () => ({ kind: "answer", status: 503, body: "maintenance" });
    await assert.rejects(away.push("Image"), { code: 24, reason: "StoreUnreachable", message: /503 maintenance/ });
    for (const name of ["passwords", "tokens"]) {
      const one = place(name, { password: "wrong" });
      await assert.rejects(one.push("Image"), { code: 24, reason: "AccessDenied", message: /check secretRef/ });
    }
  });

  test("a login that is corrected while the pod runs is read again", async () => {
    const one = place("passwords", { password: "wrong" });
    await assert.rejects(one.push("Image"), { reason: "AccessDenied" });
    writeFileSync(path.join(one.at, "secrets/login", registryKey), dockerConfig("registry.example"));
    await one.push("Image");
  });
});

describe("a push changes nothing that no export wrote", () => {
  for (const tag of ["merged-1", "merged-promoted"]) {
    test(`the tag ${tag} of another artifact stays`, async () => {
      const one = place("olareg");
      await one.push("ModelPack", "merged-promoted");
      const { annotations: _, ...foreign } = (await contentAt(one, "merged-1"))?.content ?? {};
      const bytes = bytesOf(JSON.stringify(foreign));
      await one.registry.putManifest(tag, bytes);
      await assert.rejects(one.push("Image", "merged-promoted"), { code: 20, reason: "DestinationInUse" });
      assert.equal((await one.registry.manifest(tag))?.digest, digestOf(bytes));
    });
  }

  test("a file that changed since the export is found before an image is pushed", async () => {
    const one = place("olareg");
    writeFileSync(path.join(one.at, "files/config.json"), "[]");
    await assert.rejects(one.push("Image"), { code: 23, reason: "FileCorrupt" });
    assert.equal(await one.registry.manifest("merged-1"), undefined);
  });
});
