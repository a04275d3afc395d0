/** The trainer as a process: arguments, exit codes, the envelope, signals, metrics. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { parseCurves, readPoints } from "./contract/curves.ts";
import { type Progress, parseProgress } from "./contract/progress.ts";
import { type Envelope, envelopeLimitBytes, parseEnvelope } from "./contract/report.ts";
import type { RunFile } from "./contract/runFile.ts";
import { TinyTraining } from "./testing/tinyTraining.ts";
import { eventFile } from "./training/eventFile.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Ended {
  code: number | null;
  progress: Progress[];
  /** The last line of a training. */
  curves: string;
  errors: string;
  envelope: Envelope | undefined;
}

/** Runs the trainer; `during` sees the process and each progress line. */
async function trainer(
  directory: string,
  argv: readonly string[],
  during: (child: ChildProcess, progress: Progress) => void = () => {},
): Promise<Ended> {
  const log = `${directory}/termination-log`;
  await writeFile(log, "");
  const env = { ...process.env, TERMINATION_LOG: log };
  const child = spawn(process.execPath, [main, ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
  const progress: Progress[] = [];
  let curves = "";
  createInterface({ input: child.stdout! }).on("line", (line) => {
    const parsed = parseProgress(line);
    if (line.startsWith('{"curves"')) curves = line;
    else assert.ok(parsed, `not a progress line: ${line}`);
    if (!parsed) return;
    progress.push(parsed);
    during(child, parsed);
  });
  let errors = "";
  child.stderr!.on("data", (text) => {
    errors += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const message = await readFile(log, "utf8");
  assert.ok(message.length <= envelopeLimitBytes);
  return { code, progress, curves, errors, envelope: parseEnvelope(message) };
}

async function runFileOf(training: TinyTraining, file: RunFile): Promise<string> {
  const path = `${training.directory}/run.yaml`;
  await writeFile(path, stringify(file));
  return path;
}

test("prepare, train and export run as processes", async (t) => {
  const training = await TinyTraining.make(t);
  const run = async (command: string, file: RunFile) => {
    const ended = await trainer(training.directory, [
      command,
      "--run-file",
      await runFileOf(training, file),
      "--threads",
      "1",
    ]);
    assert.equal(ended.code, 0, ended.errors);
    assert.equal(ended.envelope!.outcome, "Succeeded");
    assert.ok(ended.progress.length > 0);
    last = ended;
    return ended.envelope!;
  };
  let last: Ended | undefined;
  const prepared = await run("prepare", training.prepareFile());
  assert.ok(prepared.stage === "Prepare" && prepared.figures!.dataset.examples > 0);
  const trainFile = await training.trainFile();
  const trained = await run("train", trainFile);
  assert.ok(trained.stage === "Train" && trained.figures!.evaluationAfter);
  const curves = parseCurves(last?.curves ?? "", trainFile.runHash)!;
  const [loss] = curves.filter(({ name }) => name === "Loss").map(readPoints);
  assert.equal(loss?.length, trained.figures!.steps);
  assert.equal(loss?.at(-1)?.value, Number(trained.figures!.loss.toPrecision(4)));
  await hasHonestMemory(training, trained.figures!);
  const inRun = async (name: string) => readFile(`${await training.runPath()}/${name}`);
  const lines = String(await inRun("metrics.jsonl")).split("\n");
  const events = eventFile(lines.flatMap((line) => parseProgress(line) ?? []));
  assert.ok((await inRun("events.out.tfevents.0.luthier")).equals(events));
  const exported = await run("export", await training.exportFile(trained.figures!.adapterDigest, {}));
  assert.ok(exported.stage === "Export" && exported.figures!.sizeBytes > 0);
});

/** Measures a process that only trains: no category takes more than planned, or less than half of it. */
async function hasHonestMemory(
  training: TinyTraining,
  figures: { predictedPeakBytes: number; measuredPeakBytes: number },
): Promise<void> {
  const report = JSON.parse(await readFile(`${await training.runPath()}/report.json`, "utf8"));
  const { memory } = report.plan;
  const { engine, processPeakBytes } = report.measured;
  const { parameters, derived, gradients, moments, cache } = memory;
  assert.deepEqual(
    [engine.weights, engine.state, engine.io, engine.scratch],
    [memory.weights, parameters + derived + gradients + moments + cache, memory.io, memory.scratch],
  );
  assert.ok(engine.arena > 0 && engine.arena <= memory.activations);
  assert.equal(processPeakBytes, figures.measuredPeakBytes);
  const share = figures.measuredPeakBytes / figures.predictedPeakBytes;
  assert.ok(share > 0.4 && share <= 1, `${share} of the predicted peak`);
}

test("SIGTERM leaves a checkpoint and exit code 10, SIGKILL leaves the durable state, and the resumed run gives the same bytes", async (t) => {
  const options = {
    training: { maxSteps: 200, batchTokens: 512, learningRate: "1e-2", checkpoint: { everySteps: 7 } },
  };
  const whole = await TinyTraining.make(t, options);
  const killed = await whole.twin();
  const start = async (training: TinyTraining, during?: Parameters<typeof trainer>[2]) =>
    await trainer(
      training.directory,
      ["train", "--run-file", await runFileOf(training, await training.trainFile())],
      during,
    );
  const once = (signal: NodeJS.Signals) => {
    let sent = false;
    return (child: ChildProcess, { phase }: Progress) => {
      if (phase !== "Training" || sent) return;
      sent = true;
      child.kill(signal);
    };
  };
  const stopped = await start(killed, once("SIGTERM"));
  assert.equal(stopped.code, 10, stopped.errors);
  assert.equal(stopped.envelope!.outcome, "Stopped");
  const dead = await start(killed, once("SIGKILL"));
  assert.deepEqual([dead.code, dead.envelope], [null, undefined]);
  const finished = await start(killed);
  assert.equal(finished.code, 0, finished.errors);
  assert.match(finished.errors, /resuming after step/);
  assert.equal((await start(whole)).code, 0);
  const weights = async (training: TinyTraining) =>
    readFile(`${await training.runPath()}/adapter/adapter_model.safetensors`);
  assert.deepEqual(await weights(killed), await weights(whole));
});

test("an invalid run file ends with exit code 20 and names the field", async (t) => {
  const training = await TinyTraining.make(t);
  const file = { ...training.prepareFile(), prepareKey: "short" };
  const { code, envelope } = await trainer(training.directory, [
    "prepare",
    "--run-file",
    await runFileOf(training, file),
  ]);
  assert.equal(code, 20);
  assert.deepEqual([envelope!.outcome, envelope!.reason], ["Failed", "InvalidRunFile"]);
  assert.match(envelope!.message, /prepareKey/);
});

test("a run file for another stage is refused", async (t) => {
  const training = await TinyTraining.make(t);
  const path = await runFileOf(training, training.prepareFile());
  const { code, envelope } = await trainer(training.directory, ["train", "--run-file", path]);
  assert.deepEqual([code, envelope!.stage, envelope!.reason], [20, "Train", "InvalidRunFile"]);
});

test("metrics are served while a stage runs", async (t) => {
  const training = await TinyTraining.make(t, { training: { maxSteps: 2000, batchTokens: 512 } });
  const port = await freePort();
  const argv = [
    "train",
    "--run-file",
    await runFileOf(training, await training.trainFile()),
    "--metrics-port",
    String(port),
  ];
  let metrics: Promise<string> | undefined;
  const { code } = await trainer(training.directory, argv, (child, { phase, done }) => {
    if (phase !== "Training" || done < 1 || metrics) return;
    metrics = fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
    void metrics.finally(() => child.kill("SIGTERM"));
  });
  assert.equal(code, 10);
  assert.match(await metrics!, /luthier_training_loss\{stage="Train"\} [0-9.]+/);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
