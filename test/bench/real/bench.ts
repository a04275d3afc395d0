/**
 * `npm run bench -- --real`: trains SmolLM2-135M-Instruct, a real model, by LoRA on real conversations, and repeats the training with
 * transformers and PEFT. The losses, the update and the greedy answers must agree within the bounds below.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { run } from "../../../terminal/runProgram.ts";
import { addon } from "../../../trainer/native/addon.ts";
import { markdownRow, writeMarked } from "../marked.ts";
import { peerPython } from "../peers.ts";
import { realModel } from "./packages.ts";
import { steps, trainReal } from "./training.ts";

/** Both sides compute in F32; another order of sums alone grows over the steps, since AdamW divides by small moments. */
const bounds = { initialLoss: 1e-5, loss: 1e-4, gradNorm: 1e-3, update: 5e-3, logits: 1e-3 };

const peftFigures = z.object({
  gapsBefore: z.array(z.number()),
  gapsAfter: z.array(z.number()),
  losses: z.array(z.number()).length(steps),
  gradNorms: z.array(z.number()).length(steps),
  seconds: z.number(),
  updateDistance: z.number(),
  versions: z.record(z.string(), z.string()),
});

export interface RealBenchOptions {
  /** Write the table into docs/performance.md. */
  readonly write: boolean;
  readonly onLine: (line: string) => void;
}

/** Returns whether every figure is within its bound. */
export async function benchReal({ write, onLine }: RealBenchOptions): Promise<boolean> {
  onLine("PyTorch and PEFT (the first time downloads 3 GB), the model (93 MB)");
  const python = await peerPython(onLine);
  const model = await realModel(python, onLine);
  const { cores, isa } = addon().info();
  const directory = mkdtempSync(path.join(os.tmpdir(), "luthier-real-"));
  try {
    onLine(`ours: ${steps} steps on ${cores} cores`);
    const ours = await trainReal(model, directory, cores);
    onLine(`ours: ${ours.seconds.toFixed(0)} s; an answer after the training: ${ours.textOf(ours.after[0]!)}`);
    onLine(`PEFT: ${steps} steps`);
    const program = fileURLToPath(new URL("peft_training.py", import.meta.url));
    const { stdout } = await run(python, [program, directory, String(cores)]);
    const theirs = peftFigures.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    const rows = compared(ours, theirs);
    const load = os.loadavg()[0]?.toFixed(0);
    const heading = `${os.cpus()[0]?.model ?? "unknown processor"}, ${cores} cores, ${isa}, load ${load}`;
    const versions = Object.entries(theirs.versions).map(([name, version]) => `${name} ${version}`);
    const text = [
      `${heading}; ${versions.join(", ")}. ${steps} steps took ${ours.seconds.toFixed(0)} s, with PEFT ${theirs.seconds.toFixed(0)} s.`,
      "",
      markdownRow(["quantity", "ours", "PEFT", "distance", "bound"]),
      markdownRow(["---", "--:", "--:", "--:", "--:"]),
      ...rows.map(({ cells, distance, bound }) => markdownRow([...cells, figure(distance), figure(bound)])),
    ].join("\n");
    onLine(text);
    if (write) writeMarked("real", text);
    return rows.every(({ distance, bound }) => distance <= bound);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const figure = (value: number) => (value === 0 ? "0" : value.toPrecision(2));

interface Compared {
  readonly cells: readonly [quantity: string, ours: string, theirs: string];
  readonly distance: number;
  readonly bound: number;
}

function compared(
  { figures, before, after }: Awaited<ReturnType<typeof trainReal>>,
  theirs: z.infer<typeof peftFigures>,
): Compared[] {
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);
  const losses = figures.map(({ loss }, index) => relative(loss, theirs.losses[index]!));
  const norms = figures.map(({ gradNorm }, index) => relative(gradNorm, theirs.gradNorms[index]!));
  const both = (ours: number, peft: number): [string, string] => [ours.toFixed(6), peft.toFixed(6)];
  const answers = (when: string, answered: typeof before, gaps: readonly number[]): Compared => {
    const equal = gaps.filter((gap) => gap === 0).length;
    return {
      cells: [`greedy answers ${when} the training`, `${answered.length}`, `${equal} equal`],
      distance: Math.max(...gaps),
      bound: bounds.logits,
    };
  };
  return [
    {
      cells: ["loss of step 1, relative", ...both(figures[0]!.loss, theirs.losses[0]!)],
      distance: losses[0]!,
      bound: bounds.initialLoss,
    },
    {
      cells: [`loss of step ${steps}; the worst step, relative`, ...both(figures.at(-1)!.loss, theirs.losses.at(-1)!)],
      distance: Math.max(...losses),
      bound: bounds.loss,
    },
    {
      cells: [
        `gradient's norm of step ${steps}; the worst step, relative`,
        ...both(figures.at(-1)!.gradNorm, theirs.gradNorms.at(-1)!),
      ],
      distance: Math.max(...norms),
      bound: bounds.gradNorm,
    },
    {
      cells: [`change of the adapter in ${steps} steps, of its norm`, "", ""],
      distance: theirs.updateDistance,
      bound: bounds.update,
    },
    answers("before", before, theirs.gapsBefore),
    answers("after", after, theirs.gapsAfter),
  ];
}
