/**
 * Kills a training repeatedly, at random but seeded times, and resumes it; with every schedule the adapter must have the bytes
 * of the undisturbed run.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseDocument } from "yaml";
import { demo, repository } from "../../demo/places.ts";
import type { Stage } from "../../terminal/stages.ts";
import { startUntilDone } from "./restarts.ts";
import { type Kill, killSchedule } from "./schedule.ts";

/** The output of `luthier run` when the training begins. */
const trainingBegins = /plan: /;

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

  /** The adapter's digest and the duration of the undisturbed run; the inputs are prepared once before it. */
  async undisturbed(): Promise<{ digest: string; ms: number }> {
    await this.#toTheEnd([]);
    this.#forgetRuns();
    const started = Date.now();
    await this.#toTheEnd([]);
    return { digest: this.#digest(), ms: Date.now() - started };
  }

  /** The adapter's digest after the kills, and the number of starts. */
  async disturbed(kills: readonly Kill[], whileTraining: boolean): Promise<{ digest: string; starts: number }> {
    this.#forgetRuns();
    const starts = await this.#toTheEnd(kills, whileTraining ? trainingBegins : undefined);
    return { digest: this.#digest(), starts };
  }

  /** Kill times count from the beginning of the training, or from the start of the process. */
  async #toTheEnd(kills: readonly Kill[], since?: RegExp): Promise<number> {
    const claims = ["--claim", `${demo.inputsClaim}=${demo.inputs}`, "--claim", `${demo.storeClaim}=${this.#store}`];
    const argv = [path.join(repository, "cli/main.ts"), "run", this.#manifest, ...claims];
    return await startUntilDone(() => spawn(process.execPath, argv), kills, since);
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
function shortManifest(quickstart: string): string {
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
          const result = await soak.disturbed(killSchedule(seed, expected.ms), seed % 4 !== 0);
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
