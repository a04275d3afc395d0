/** Runs an operator as a process of this machine, outside the cluster, which tests end, stop and measure. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));

export interface OperatorOptions {
  arguments: readonly string[];
  /** Path of a kubeconfig. */
  kubeconfig: string;
  /** Its name in the Lease. */
  name?: string;
  /** Restart it whenever it ended, like a Deployment. */
  supervised?: boolean;
}

export class OperatorProcess {
  readonly #options: OperatorOptions;
  #process: ChildProcess | undefined;
  #ended = false;
  starts = 0;
  /** Exit codes of processes that ended on their own. */
  readonly exits: number[] = [];

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  start(): void {
    const { kubeconfig, name = "operator", supervised = false } = this.#options;
    this.starts++;
    const flags = ["--disable-warning=ExperimentalWarning", main, "--port", "0", ...this.#options.arguments];
    this.#process = spawn(process.execPath, flags, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, KUBECONFIG: kubeconfig, POD_NAME: name },
    });
    this.#process.on("exit", (code) => {
      if (code !== null) this.exits.push(code);
      if (supervised && !this.#ended) this.start();
    });
  }

  signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }

  end(): void {
    this.#ended = true;
    this.signal("SIGKILL");
  }

  /** Current and peak resident memory in bytes, and processor time so far in seconds. */
  usage(): { residentBytes: number; peakBytes: number; cpuSeconds: number } {
    const read = (file: string) => readFileSync(`/proc/${this.#process?.pid}/${file}`, "utf8");
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(read("status"))?.[1] ?? 0);
    // Fields 14 and 15 of stat, in ticks of 10 ms; the name before them may contain spaces.
    const fields = read("stat").split(") ")[1]?.split(" ") ?? [];
    const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    return { residentBytes: kib("VmRSS") * 1024, peakBytes: kib("VmHWM") * 1024, cpuSeconds: ticks / 100 };
  }
}
