/**
 * A training killed again and again, at random but seeded times, and gone on with; whatever the schedule, the adapter that
 * comes out must have the bytes of the run that nobody disturbed.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseDocument } from "yaml";
import type { Stage } from "../../cli/ui/stages.ts";
import { demo, repository } from "../../demo/places.ts";
import { type Kill, killSchedule } from "./schedule.ts";

/** Restarts that a schedule may take before the run counts as stuck. */
const mostStarts = 50;

class Soak {
  readonly #directory = mkdtempSync(path.join(tmpdir(), "luthier-soak-"));
  readonly #manifest = path.join(this.#directory, "job.yaml");
  readonly #store = path.join(this.#directory, "store");

  constructor() {
    mkdirSync(this.#store);
    writeFileSync(this.#manifest, shortManifest(readFileSync(demo.manifest, "utf8")));
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The adapter's digest and how long it took, undisturbed; the inputs are prepared once, before. */
  async undisturbed(): Promise<{ digest: string; ms: number }> {
    await this.#toTheEnd([]);
    this.#forgetRuns();
    const started = Date.now();
    await this.#toTheEnd([]);
    return { digest: this.#digest(), ms: Date.now() - started };
  }

  /** The adapter's digest after the kills, and how often it was started. */
  async disturbed(kills: readonly Kill[]): Promise<{ digest: string; starts: number }> {
    this.#forgetRuns();
    const starts = await this.#toTheEnd(kills);
    return { digest: this.#digest(), starts };
  }

  async #toTheEnd(kills: readonly Kill[]): Promise<number> {
    for (let start = 1; start <= mostStarts; start += 1) {
      const { status, output } = await this.#start(kills[start - 1]);
      if (status === 0) return start;
      // 10: stopped with a checkpoint; null: killed. Anything else is a failure of its own.
      if (status !== 10 && status !== null) throw new Error(`luthier run ended with ${status}:\n${output}`);
    }
    throw new Error(`not finished after ${mostStarts} starts`);
  }

  #start(kill: Kill | undefined): Promise<{ status: number | null; output: string }> {
    const claims = ["--claim", `${demo.inputsClaim}=${demo.inputs}`, "--claim", `${demo.storeClaim}=${this.#store}`];
    const child = spawn(process.execPath, [path.join(repository, "cli/main.ts"), "run", this.#manifest, ...claims]);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    const timer = kill && setTimeout(() => child.kill(kill.signal), kill.afterMs);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status) => {
        clearTimeout(timer);
        resolve({ status, output: Buffer.concat(chunks).toString() });
      });
    });
  }

  #forgetRuns(): void {
    for (const runs of globSync("*/runs", { cwd: this.#store }))
      rmSync(path.join(this.#store, runs), { recursive: true });
  }

  #digest(): string {
    const files = globSync("*/runs/*/adapter/adapter_model.safetensors", { cwd: this.#store });
    const [file] = files;
    if (file === undefined || files.length > 1) throw new Error(`${files.length} adapters where one should be`);
    return createHash("sha256")
      .update(readFileSync(path.join(this.#store, file)))
      .digest("hex");
  }
}

/** The quickstart, cut to a few seconds: few steps, a checkpoint every two, no evaluation and no export. */
export function shortManifest(quickstart: string): string {
  const job = parseDocument(quickstart);
  job.deleteIn(["spec", "training", "epochs"]);
  job.deleteIn(["spec", "evaluation"]);
  job.deleteIn(["spec", "adapter"]);
  job.setIn(["spec", "training", "maxSteps"], 12);
  job.setIn(["spec", "training", "batchTokens"], 1024);
  job.setIn(["spec", "training", "checkpoint"], { everySteps: 2, keep: 2 });
  return job.toString();
}

/** The stages of `count` schedules, the seeds counted from `first`. */
export function trainingStages(first: number, count: number): { stages: Stage[]; close(): void } {
  const soak = new Soak();
  return { stages: soakStages(soak, first, count), close: () => soak.close() };
}

function soakStages(soak: Soak, first: number, count: number): Stage[] {
  let expected = { digest: "", ms: 0 };
  return [
    {
      title: "the undisturbed run",
      async run(report) {
        report({ message: "training" });
        expected = await soak.undisturbed();
        return expected.digest.slice(0, 16);
      },
    },
    {
      title: `${count} schedules of kills`,
      async run(report) {
        let starts = 0;
        for (let done = 0; done < count; done += 1) {
          const seed = first + done;
          report({ message: `seed ${seed}, ${starts} starts so far`, fraction: done / count });
          const result = await soak.disturbed(killSchedule(seed, expected.ms));
          if (result.digest !== expected.digest) {
            throw new Error(`seed ${seed} gives another adapter: ${result.digest}, undisturbed ${expected.digest}`);
          }
          starts += result.starts;
        }
        return `all the same bytes, ${starts} starts`;
      },
    },
  ];
}
