import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { usualMethod } from "../trainer/contract/methods/index.ts";
import { encodeSafetensors } from "../trainer/formats/safetensorsWriter.ts";
import { tinyLora, tinyModel } from "../trainer/testing/compiledRun.ts";
import { uniform } from "../trainer/testing/opCases.ts";
import { temporaryDirectory } from "../trainer/testing/temporary.ts";
import { writeTinyModel } from "../trainer/testing/tinyModel.ts";
import { adapterConfig } from "../trainer/weights/peftConfig.ts";

function luthier(...args: string[]) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  return spawnSync(process.execPath, [main, "inspect", ...args], { encoding: "utf8" });
}

/** A LoRA adapter of rank 2 whose update of each q_proj has the singular values 6 and 3. */
function writeAdapter(directory: string, seed: number): void {
  const next = uniform(seed);
  const at = Math.floor(next() * 30);
  const unit = (index: number, size: number) => Array.from({ length: size }, (_, i) => (i === index ? 1 : 0));
  const tensors = [0, 1].flatMap((layer) => {
    const name = `base_model.model.model.layers.${layer}.self_attn.q_proj`;
    const a = Float32Array.from([...unit(at, 64), ...unit(at + 1, 64)]);
    const b = Float32Array.from({ length: 128 }, (_, i) => (i === 0 ? 3 : i === 3 ? 1.5 : 0));
    return [
      { name: `${name}.lora_A.weight`, dtype: "F32" as const, shape: [2, 64], data: new Uint8Array(a.buffer) },
      { name: `${name}.lora_B.weight`, dtype: "F32" as const, shape: [64, 2], data: new Uint8Array(b.buffer) },
    ];
  });
  mkdirSync(directory);
  writeFileSync(`${directory}/adapter_model.safetensors`, encodeSafetensors(tensors));
  const settings = { ...tinyLora, rank: 2, alpha: 4, targetModules: ["q_proj"] };
  const facts = { modules: ["q_proj"], model: tinyModel, parameters: [], steps: 1 };
  writeFileSync(`${directory}/adapter_config.json`, adapterConfig(settings, facts, { name: "base", revision: null }));
}

test("luthier inspect shows spectra, amplification and overlap as text, JSON and SVG", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  writeAdapter(`${directory}/one`, 1);
  writeAdapter(`${directory}/other`, 2);
  const beside = ["--base", `${directory}/base`, "--other", `${directory}/other`];
  const json = luthier(`${directory}/one`, ...beside, "--output", "json", "--svg", `${directory}/a.svg`);
  assert.equal(json.status, 0, json.stderr);
  const { method, sites, advice } = JSON.parse(json.stdout);
  assert.match(method, /LoRA, rank 2/);
  assert.equal(sites.length, 2);
  for (const { singularValues, norm, rank99, base, overlap } of sites) {
    assert.ok(Math.abs(singularValues[0] - 6) < 1e-5 && Math.abs(singularValues[1] - 3) < 1e-5);
    assert.ok(Math.abs(norm - Math.hypot(6, 3)) < 1e-5 && rank99 === 2 && base.factor > 1);
    assert.ok(Math.abs(overlap.outputs[1][1] - 1) < 1e-9, "both change the same outputs");
    assert.ok(overlap.inputs[1][1] < 1e-9, "from different inputs");
  }
  assert.match(advice.join("\n"), /Rank:/);
  const svg = readFileSync(`${directory}/a.svg`, "utf8");
  const parts = [...svg.matchAll(/<g fill="(#\w+)"[^>]*>(.*?)<\/g>/g)].map(
    ([, fill, inside = ""]) => [fill, inside] as const,
  );
  const rects = (wanted: string) => parts.flatMap(([fill, inside]) => (fill === wanted ? inside.match(/<rect /g) : []));
  assert.equal(rects("#3465a4").length, 4, "a bar per value");
  assert.equal(rects("#204a87").length, 16, "φ of two by two directions, of inputs and outputs, of two matrices");
  assert.match(svg, /φ inputs.*φ outputs/s);
  assert.match(svg, />1\.000<\/text>\n<text [^>]*>\(0\.031\)/, "φ of all, beside the value by chance");
  assert.match(svg, /Rank: /);
  assert.match(svg, /layers\.1\.self_attn\.q_proj/);
  const text = luthier(`${directory}/one`, "--svg", `${directory}/b.svg`);
  assert.doesNotMatch(readFileSync(`${directory}/b.svg`, "utf8"), /φ|amplified/);
  assert.match(text.stdout, /matrix +singular values +largest +effective rank[\s\S]*q_proj +█▁ +6\.000 +1\.9 +2/);
  assert.doesNotMatch(text.stdout, /amplified/);
});

test("luthier inspect refuses what has no update, and names what is missing", async (t) => {
  const directory = await temporaryDirectory(t);
  assert.match(luthier(directory).stderr, /holds no adapter \(adapter_config\.json is missing\)/);
  mkdirSync(`${directory}/prefix`);
  const facts = { modules: [], model: tinyModel, parameters: [], steps: 1 };
  const config = adapterConfig(usualMethod("prefixTuning"), facts, { name: "base", revision: null });
  writeFileSync(`${directory}/prefix/adapter_config.json`, config);
  const data = new Uint8Array(4 * 20 * 2 * 2 * 16);
  const tensors = [{ name: "prompt_embeddings", dtype: "F32" as const, shape: [20, 64], data }];
  writeFileSync(`${directory}/prefix/adapter_model.safetensors`, encodeSafetensors(tensors));
  const refused = luthier(`${directory}/prefix`);
  assert.equal(refused.status, 20, refused.stderr);
  assert.match(refused.stderr, /prefixTuning has no update/);
});
