/**
 * containerd pulls an export's image from a registry and mounts it. A containerd of the test's own, without a cluster: image volumes
 * of pods need containerd 2.1, and distributions have older ones.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../terminal/runProgram.ts";
import { publish } from "../../trainer/export/publish.ts";
import { digestOf } from "../../trainer/stores/digest.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { temporaryDirectory } from "../../trainer/testing/temporary.ts";
import { startOlareg } from "../stores/registry.ts";

/** Calls `ctr` on a containerd that writes only below `directory`. */
async function startContainerd(t: TestContext, directory: string): Promise<(...args: string[]) => Promise<string>> {
  const at = (name: string) => path.join(directory, name);
  mkdirSync(directory);
  const settings = [
    "version = 2",
    ...["root", "state"].map((name) => `${name} = ${JSON.stringify(at(name))}`),
    `disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]`,
    `[grpc]\naddress = ${JSON.stringify(at("socket"))}`,
  ];
  writeFileSync(at("config.toml"), settings.join("\n"));
  const server: ChildProcess = spawn("containerd", ["--config", at("config.toml")], { stdio: "ignore" });
  t.after(async () => {
    const gone = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGTERM");
    await gone;
  });
  for (let tries = 0; tries < 400 && !existsSync(at("socket")); tries++) await sleep(50);
  return async (...args) => (await run("ctr", ["--address", at("socket"), ...args])).stdout;
}

test("containerd pulls an export's image, and mounts it with the files under /models", async (t) => {
  const directory = await temporaryDirectory(t);
  const at = (name: string) => path.join(directory, name);
  const contents = {
    "config.json": "{}",
    "adapters/0/adapter_config.json": "[1]",
    "model.safetensors": "w".repeat(9999),
  };
  const files = Object.entries(contents).map(([name, text]) => {
    mkdirSync(path.dirname(at(`files/${name}`)), { recursive: true });
    writeFileSync(at(`files/${name}`), text);
    return { path: name, digest: digestOf(Buffer.from(text)), bytes: text.length };
  });
  const registry = await startOlareg(at("registry"));
  t.after(() => registry.stop());
  const stores = new Stores();
  const digest = digestOf(Buffer.from("any"));
  await publish(
    { stores, uri: `file://${at("files")}`, files },
    {
      registry: stores.registry(`oci://${registry.host}/team/bot`),
      facts: {
        ...{ profile: "Image", title: "bot", name: "merged", runHash: "0".repeat(64) },
        ...{ adapterDigest: digest, baseDigest: digest },
        settings: { kind: "merged", base: "Original", dtype: "BF16", maxShardBytes: 5e9 },
      },
      ...{ revisionTag: "merged-1", tag: "merged-promoted" },
      onBytes: () => {},
      throwIfStopped: () => {},
    },
  );
  const ctr = await startContainerd(t, at("containerd"));
  const image = `${registry.host}/team/bot:merged-promoted`;
  await ctr("images", "pull", "--plain-http", "--snapshotter", "native", image);
  mkdirSync(at("mount"));
  await ctr("images", "mount", "--snapshotter", "native", image, at("mount"));
  try {
    for (const [name, text] of Object.entries(contents))
      assert.equal(readFileSync(at(`mount/models/${name}`), "utf8"), text);
  } finally {
    await run("umount", [at("mount")]);
  }
});
