/**
 * A training on a GPU that is emulated: the node gets the labels and the resource that NVIDIA's feature discovery and device
 * plugin would give it, and the trainer the driver that interprets the kernels. The scheduler, the kubelet and the operator are
 * real. Each condition names what is missing, until the job has all of it.
 */
import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { emulatedDriverPath } from "../../trainer/native/paths.ts";
import { writeTinyModel } from "../../trainer/testing/tinyModel.ts";
import { NODE_NAME } from "../cluster/layout.ts";
import { type Bench, condition, manifest, type Team } from "./bench.ts";
import { emulatedDriverInPod } from "./emulatedDriver.ts";

const product = "emulated-PTX-interpreter";
const tiny = { hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2, kvHeads: 1, contextLength: 64 };
const settings = {
  baseModel: { uri: "pvc://store/base" },
  dataset: { sources: [{ uri: "pvc://store/few.jsonl" }], maxSequenceLength: 64 },
  training: { maxSteps: 2, batchTokens: 64 },
  adapter: { exports: [{ name: "merged", merged: {} }] },
};
const job = (placement: object) =>
  manifest("gpu", {
    ...settings,
    placement: { gpusPerNode: 1, resources: { limits: { memory: "1Gi" } }, ...placement },
  });

export function gpuTests(bench: () => Bench): void {
  let team: Team;

  test("a GPU with too little memory is named", async () => {
    await label(bench(), {
      "nvidia.com/gpu.product": product,
      "nvidia.com/gpu.memory": "512",
      "nvidia.com/gpu.count": "1",
    });
    await offerGpu(bench());
    team = await bench().namespace("accelerated");
    await writeTinyModel(path.join(team.store, "base"), tiny);
    const row = (word: string) => JSON.stringify({ prompt: word, completion: "yes" });
    writeFileSync(path.join(team.store, "few.jsonl"), `${["a", "b", "c", "d"].map(row).join("\n")}\n`);
    copyFileSync(emulatedDriverPath, path.join(team.store, path.basename(emulatedDriverInPod)));
    await team.apply(job({}));
    const { message } = await team.untilStalled("gpu");
    assert.match(message, /needs 7\d\d MiB of GPU memory, and 49\d MiB are available on emulated-PTX-interpreter/);
  });

  test("a class that no node has is named", async () => {
    await team.apply(job({ gpuClass: "NVIDIA-L4" }));
    const reported = /placement\.gpuClass is NVIDIA-L4; compare kubectl get nodes/;
    const waiting = await team.until("gpu", "waiting for that class", (one) =>
      reported.test(condition(one, "Ready")?.message ?? ""),
    );
    assert.match(condition(waiting, "Fits")?.message ?? "", /^The run needs 7\d\d MiB of 22\.0 GiB on NVIDIA-L4\.$/);
  });

  test("with enough memory the training takes the GPU and becomes a verified Adapter", async () => {
    await label(bench(), { "nvidia.com/gpu.memory": "8192" });
    await team.apply(job({ gpuClass: product }));
    const ready = await team.untilReady("gpu");
    assert.match(condition(ready, "Fits")?.message ?? "", /of 7\.7\d GiB on emulated-PTX-interpreter\.$/);
    const [made] = await team.list("pods", "-l", "luthier.dev/stage=train");
    assert.match(JSON.stringify(made), /"limits":\{[^}]*"nvidia\.com\/gpu":"1"/);
    const { spec, status } = await team.adapter();
    assert.equal(spec.results?.measuredPeakBytes !== undefined, true);
    assert.equal(status?.exports?.[0]?.state, "Ready");
  });
}

async function label({ cluster }: Bench, labels: Record<string, string>): Promise<void> {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  await cluster.kubectl(["label", "node", NODE_NAME, "--overwrite", ...pairs]);
}

/** Reports a GPU as a device plugin does; the kubelet then offers it to pods. */
async function offerGpu({ cluster }: Bench): Promise<void> {
  const patch = [{ op: "add", path: "/status/capacity/nvidia.com~1gpu", value: "1" }];
  await cluster.kubectl([
    ...["patch", "node", NODE_NAME, "--subresource=status", "--type=json", "-p", JSON.stringify(patch)],
  ]);
  const offered = "jsonpath={.status.allocatable.nvidia\\.com/gpu}=1";
  await cluster.kubectl(["wait", `node/${NODE_NAME}`, `--for=${offered}`, "--timeout=60s"]);
}
