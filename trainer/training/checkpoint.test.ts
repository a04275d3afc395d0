/** A checkpoint is complete or ignored, whenever its process is killed and whichever of its bits is flipped. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Engine } from "../engine/engine.ts";
import { buildNative } from "../native/build.ts";
import { checkpointsIn, facts, kept, loadedStep, saveStep, tinyEngine } from "../testing/checkpointEngine.ts";
import { uniform } from "../testing/opCases.ts";
import { temporaryDirectory } from "../testing/temporary.ts";

let engine: Engine;
before(async () => {
  await buildNative();
  engine = tinyEngine();
});
after(() => engine.close());

const program = fileURLToPath(new URL("../testing/checkpointEngine.ts", import.meta.url));
const preload = new URL("../testing/killAtOperation.ts", import.meta.url).href;

/**
 * Saves step 3 in a process that is killed before its n-th change of the file system; returns whether it was killed.
 */
async function saveKilledAt(directory: string, operation: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--import", preload, program, directory, "3"], {
    env: { ...process.env, LUTHIER_KILL_AT: String(operation) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on("close", (...ended) => resolve(ended)),
  );
  assert.ok(code === 0 || signal === "SIGKILL", `ended with ${code ?? signal}`);
  return signal === "SIGKILL";
}

/** The next writer resumes and removes the leftovers. */
async function nextWriterResumes(store: string): Promise<void> {
  await saveStep(engine, store, 4);
  assert.equal(await loadedStep(engine, store, (line) => assert.fail(line)), 4);
  const directories = await readdir(store, { recursive: true, withFileTypes: true });
  const files = directories.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`);
  assert.ok(
    files.every((file) => /\/step-[0-9]\/(manifest\.json|(state|best)\.safetensors)$/.test(file)),
    files.join("\n"),
  );
  assert.equal(files.length, 3 * kept);
  await rm(store, { recursive: true });
}

/** Number of processes at a time. */
const sideBySide = 3;

test("a process killed by SIGKILL before any change of the file system leaves a valid checkpoint", async (t) => {
  const directory = await temporaryDirectory(t);
  const two = `${directory}/two`;
  for (const step of [1, 2]) await saveStep(engine, two, step);
  const steps: number[] = [];
  const killedAt = async (operation: number) => {
    const store = `${directory}/killed-${operation}`;
    await cp(two, store, { recursive: true });
    return { store, killed: await saveKilledAt(store, operation) };
  };
  for (let [operation, everyKilled] = [0, true]; everyKilled; operation += sideBySide) {
    const ended = await Promise.all(Array.from({ length: sideBySide }, (_, more) => killedAt(operation + more)));
    for (const { store, killed } of ended) {
      steps.push(await loadedStep(engine, store, (line) => assert.fail(line)));
      await nextWriterResumes(store);
      everyKilled &&= killed;
    }
  }
  t.diagnostic(`${steps.length - 1} changes, ${steps.lastIndexOf(2) + 1} until the new one counts`);
  assert.ok(steps.length > 20, `${steps.length - 1} changes of the file system`);
  assert.deepEqual([steps[0], steps.at(-1)], [2, 3]);
  assert.deepEqual(steps, steps.toSorted());
});

test("any flipped bit in a checkpoint is detected, and the previous checkpoint is used", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const step of [1, 2]) await saveStep(engine, `${directory}/two`, step);
  await mkdir(`${directory}/one`);
  await cp(`${directory}/two/step-1`, `${directory}/one/step-1`, { recursive: true });
  const next = uniform(3);
  const outcomes = new Map<string, number>();
  const flipsOf = { "state.safetensors": 25, "best.safetensors": 15, "manifest.json": 60 };
  for (const [file, wanted] of Object.entries(flipsOf)) {
    const whole = await readFile(`${directory}/two/step-2/${file}`);
    for (let flips = 0; flips < wanted; flips += 1) {
      const store = `${directory}/flipped`;
      await cp(`${directory}/two`, store, { recursive: true });
      const bit = Math.floor(next() * whole.length * 8);
      const wrong = Buffer.from(whole);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(`${store}/step-2/${file}`, wrong);
      const outcome = await outcomeOf(store);
      outcomes.set(`${file}: ${outcome}`, (outcomes.get(`${file}: ${outcome}`) ?? 0) + 1);
      await rm(store, { recursive: true });
    }
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  assert.ok(
    [...outcomes.keys()].every((key) => !key.endsWith("taken")),
    JSON.stringify([...outcomes]),
  );
});

/** The handling of the damaged step 2: skipped for step 1, refused by name, or used. */
async function outcomeOf(store: string): Promise<"passed over" | "refused" | "taken"> {
  const lines: string[] = [];
  try {
    const loaded = await checkpointsIn(store).load(engine, facts, (line) => lines.push(line));
    if (loaded?.state.step !== 1) return "taken";
    assert.match(lines.join("\n"), /step-2: the checkpoint is damaged and is removed: /);
    return "passed over";
  } catch (error) {
    assert.ok(error instanceof Error && /step-2/.test(error.message), String(error));
    return "refused";
  }
}
