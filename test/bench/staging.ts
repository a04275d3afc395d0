/**
 * Measures the speed and the memory of staging a base model: from a hub on this machine into a directory and into a bucket of
 * a real S3 server, unchanged and quantised. The trainer is a separate process, as in a pod; the kernel gives its peak.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import type { PrepareFile } from "../../trainer/contract/runFile.ts";
import type { TrainingSpec } from "../../trainer/contract/settings.ts";
import { toBfloat16 } from "../../trainer/formats/bfloat16.ts";
import { encodeHeader, type TensorFacts, tensorBytes } from "../../trainer/formats/safetensorsWriter.ts";
import { indexFile, shardIndex, shardTensors } from "../../trainer/formats/shards.ts";
import { HubServer } from "../../trainer/testing/hubServer.ts";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../../trainer/testing/tinyModel.ts";
import { startGateway } from "../stores/gateway.ts";

const main = fileURLToPath(new URL("../../trainer/main.ts", import.meta.url));
const [hidden, intermediate, layers, vocabulary] = [1024, 4096, 14, 32_768];

export async function benchStaging(onLine: (line: string) => void): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-staging-"));
  const gateway = await startGateway(directory);
  const files = modelFiles();
  const hub = await HubServer.start([{ name: "acme/base", files }], { pageFiles: 1000 });
  const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0);
  const largest = Math.max(...tensors().map(tensorBytes));
  onLine(`a base of ${mb(bytes)}, its largest tensor ${mb(largest)}`);
  onLine("| from | to | as | time | speed | peak memory |");
  onLine("| --- | --- | --- | ---: | ---: | ---: |");
  try {
    for (const quantized of [false, true]) {
      for (const to of ["a directory", "a bucket"]) {
        const root =
          to === "a bucket" ? `s3://${gateway.bucket}/${quantized}` : `file://${directory}/artifacts-${quantized}`;
        const file = prepareFile(directory, root, { hub: hub.endpoint, s3: gateway.endpoint }, quantized);
        const { seconds, peakBytes } = await measure(file, directory, gateway.secretsRoot);
        const speed = `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`;
        onLine(
          `| the hub | ${to} | ${quantized ? "NF4 beside BF16" : "BF16"} | ${seconds.toFixed(1)} s | ${speed} | ${mb(peakBytes)} |`,
        );
      }
    }
  } finally {
    hub.close();
    await gateway.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

function prepareFile(
  directory: string,
  root: string,
  endpoints: { hub: string; s3: string },
  quantized: boolean,
): PrepareFile {
  const data = path.join(directory, "train.jsonl");
  writeFileSync(data, '{"prompt": "a", "completion": "b"}\n');
  const spec: TrainingSpec = {
    baseModel: { uri: "hf://acme/base", endpoint: endpoints.hub, ...(quantized && { quantization: { type: "NF4" } }) },
    dataset: { sources: [{ uri: `file://${data}` }], maxSequenceLength: 64 },
    method: { lora: {} },
  };
  return {
    version: 1,
    stage: "Prepare",
    artifactRoot: root,
    locations: [
      { uri: "hf://acme/base", endpoint: endpoints.hub },
      { uri: root, endpoint: endpoints.s3, secretRef: { name: "s3" } },
    ],
    prepareKey: prepareKey(spec),
    baseModel: spec.baseModel,
    dataset: spec.dataset,
  };
}

/** Runs the stage and reads its peak from the kernel meanwhile. */
async function measure(
  file: PrepareFile,
  directory: string,
  secrets: string,
): Promise<{ seconds: number; peakBytes: number }> {
  const runFile = path.join(directory, "run.yaml");
  writeFileSync(runFile, JSON.stringify(file));
  const started = performance.now();
  const args = ["--disable-warning=ExperimentalWarning", main, "prepare", "--run-file", runFile];
  const env = { ...process.env, LUTHIER_SECRETS: secrets };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], env });
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, highWater(child.pid));
  }, 50);
  const code = await new Promise((resolve) => child.on("exit", resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`prepare ended with ${code}`);
  return { seconds: (performance.now() - started) / 1000, peakBytes };
}

/** VmHWM: the largest resident set so far, in bytes. */
function highWater(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function tensors(): TensorFacts[] {
  const tensor = (name: string, ...shape: number[]): TensorFacts => ({ name, dtype: "BF16", shape });
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const at = `model.layers.${layer}`;
    return [
      tensor(`${at}.input_layernorm.weight`, hidden),
      ...["q", "k", "v", "o"].map((one) => tensor(`${at}.self_attn.${one}_proj.weight`, hidden, hidden)),
      tensor(`${at}.post_attention_layernorm.weight`, hidden),
      tensor(`${at}.mlp.gate_proj.weight`, intermediate, hidden),
      tensor(`${at}.mlp.up_proj.weight`, intermediate, hidden),
      tensor(`${at}.mlp.down_proj.weight`, hidden, intermediate),
    ];
  });
  return [
    tensor("model.embed_tokens.weight", vocabulary, hidden),
    ...blocks.flat(),
    tensor("model.norm.weight", hidden),
  ];
}

/** Typical weights: small, of both signs, without special values. */
function modelFiles(): Record<string, Uint8Array> {
  const pattern = toBfloat16(Float32Array.from({ length: 1_000_003 }, (_, index) => Math.sin(index * 12.9898) * 0.05));
  const block = new Uint8Array(pattern.buffer);
  const shards = shardTensors(tensors(), 128_000_000);
  const files: Record<string, Uint8Array> = {};
  for (const shard of shards) {
    const header = encodeHeader(shard.tensors, { format: "pt" });
    const content = Buffer.alloc(header.length + shard.tensors.reduce((sum, one) => sum + tensorBytes(one), 0));
    content.set(header);
    content.fill(block, header.length);
    files[shard.file] = content;
  }
  files[indexFile] = Buffer.from(shardIndex(shards)!);
  files["config.json"] = Buffer.from(JSON.stringify(config));
  files["tokenizer.json"] = Buffer.from(JSON.stringify(tinyTokenizerJson()));
  files["tokenizer_config.json"] = Buffer.from(JSON.stringify(tinyTokenizerConfig()));
  return files;
}

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: 16,
  num_key_value_heads: 16,
  max_position_embeddings: 1024,
  rope_theta: 10000,
  rms_norm_eps: 1e-6,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
};
