/**
 * Writes everything that shows a GPU's state with the trainer's kernels into a directory, to be run where only the NVIDIA driver
 * is installed:
 *
 *   node tools/node24.mjs test/bench/gpu/bundle.ts DIR     # here; no GPU is needed
 *   DIR/run.sh                                             # there; writes DIR/report.json in less than nine minutes
 *   node tools/node24.mjs test/bench/gpu/report.ts DIR     # anywhere: tables
 */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { optionOf, UsageError } from "../../../terminal/arguments.ts";
import { formatBytes } from "../../../terminal/format.ts";
import { helpOption, runScript } from "../../../terminal/script.ts";
import { buildNative } from "../../../trainer/native/build.ts";
import { buildCudaKernels, kernelsPath } from "../../../trainer/native/cuda/build.ts";
import { emulatedDriverPath, executorPath } from "../../../trainer/native/paths.ts";
import { interpretedBytes, kernelCases } from "../../../trainer/testing/kernelCases.ts";
import { opCase } from "../../../trainer/testing/opCases.ts";
import { sweep, type Timed, tinySteps, trainingStep, trainings } from "./contents.ts";

const usage = {
  command: "node tools/node24.mjs test/bench/gpu/bundle.ts",
  positionals: ["DIR"],
  summary: "Writes cases, a sweep of products and training steps for a machine with a GPU into the new directory DIR.",
  details: ["DIR/run.sh runs them and writes DIR/report.json; test/bench/gpu/report.ts DIR shows it."],
  options: {
    op: { value: "NAME", help: "only the cases of this op, without sweep and trainings" },
    interpret: {
      help: "also run the cases in the interpreter here, so that the report can compare bits (some minutes)",
    },
    help: helpOption,
  },
} as const;

export interface BundleOptions {
  /** Absent: everything. */
  readonly op: string | undefined;
  readonly interpret: boolean;
}

/** Resolves to the number of case files. `directory` must not exist. */
export async function writeBundle(directory: string, { op, interpret }: BundleOptions): Promise<number> {
  await buildNative();
  await buildCudaKernels();
  const cases = (await kernelCases()).filter((one) => op === undefined || one.op.name === op);
  if (cases.length === 0) throw new UsageError(`--op: there is no case of ${op}`);
  mkdirSync(path.dirname(directory), { recursive: true });
  mkdirSync(directory);
  const files = new Files(directory);
  for (const one of cases) files.write(`cases/${one.op.name}`, one.name, opCase(one, "cuda"));
  for (const { name, bytes } of tinySteps()) files.write("cases/steps", name, bytes);
  const timed: Record<string, Timed> = {};
  const limits: string[] = [];
  mkdirSync(path.join(directory, "training"));
  if (op === undefined) {
    for (const one of sweep()) {
      const { name, flops, type } = one;
      timed[files.write("sweep", name, opCase(one, "cuda"))] = { name, flops, type };
    }
    for (const one of trainings) {
      const { bytes, ...work } = trainingStep(one);
      const file = files.write("training", one.name, bytes);
      timed[file] = work;
      limits.push(`${path.basename(file, ".case")} ${one.limit}\n`);
    }
  }
  writeFileSync(path.join(directory, "training/limits"), limits.join(""));
  writeFileSync(path.join(directory, "timed.json"), JSON.stringify(timed, null, 1));
  copyFileSync(executorPath, path.join(directory, "luthier-exec"));
  copyFileSync(kernelsPath, path.join(directory, "kernels.ptx"));
  copyFileSync(path.join(import.meta.dirname, "run.sh"), path.join(directory, "run.sh"));
  for (const program of ["luthier-exec", "run.sh"]) chmodSync(path.join(directory, program), 0o755);
  if (interpret) interpretCases(directory);
  return files.count;
}

class Files {
  readonly #directory: string;
  count = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Returns the file's path in the bundle. Names may repeat. */
  write(folder: string, name: string, bytes: Uint8Array): string {
    const number = String(this.count).padStart(4, "0");
    const file = `${folder}/${number}-${name.replaceAll(/[^\w.-]+/g, "-")}.case`;
    mkdirSync(path.join(this.#directory, folder), { recursive: true });
    writeFileSync(path.join(this.#directory, file), bytes);
    this.count++;
    return file;
  }
}

function interpretCases(directory: string): void {
  const files = readdirSync(path.join(directory, "cases"), { recursive: true, encoding: "utf8" })
    .map((file) => path.join(directory, "cases", file))
    .filter((file) => file.endsWith(".case") && statSync(file).size < interpretedBytes);
  const report = path.join(directory, "interpreted.json");
  const { status, stderr } = spawnSync(executorPath, ["--backend", "cuda", "--poison", "--report", report, ...files], {
    env: { ...process.env, LUTHIER_CUDA_DRIVER: emulatedDriverPath, LUTHIER_CUDA_KERNELS: kernelsPath },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`the interpreter failed: ${stderr.slice(-2000)}`);
}

if (import.meta.main) {
  await runScript(usage, async (args) => {
    const [given = ""] = args.positionals;
    const directory = path.resolve(given);
    const count = await writeBundle(directory, { op: optionOf(args, "op"), interpret: args.switches.has("interpret") });
    const size = readdirSync(directory, { recursive: true, encoding: "utf8" })
      .map((file) => statSync(path.join(directory, file)))
      .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
    process.stdout.write(
      `${count} cases and programs, ${formatBytes(size)}, in ${given}: run ${given}/run.sh on the GPU\n`,
    );
    return undefined;
  });
}
