/**
 * Compares training speed with another checkout of this project, such as one of an earlier commit, in one run: the two
 * checkouts train in turn, each in its own process, and the ratio of their medians is the result.
 */
import path from "node:path";
import { repository } from "../../demo/places.ts";
import { CommandError, run } from "../../terminal/runProgram.ts";
import type { Format } from "./shape.ts";

export interface AgainstOptions {
  /** The other checkout, with installed packages. */
  directory: string;
  formats: readonly Format[];
  /** Timed steps of each process. */
  steps: number;
  onLine: (line: string) => void;
}

/** Trainings of each checkout. */
const rounds = 3;

export async function benchAgainst({ directory, formats, steps, onLine }: AgainstOptions): Promise<void> {
  const [here, other] = [repository, path.resolve(directory)];
  onLine("| base | tokens/s here | there | ratio | by core time | ratios of the rounds |");
  onLine("| --- | ---: | ---: | ---: | ---: | --- |");
  for (const format of formats) {
    const measured: { here: Rates; there: Rates }[] = [];
    for (let round = 0; round < rounds; round++) {
      // Alternating order, so that a machine that slows down favours neither.
      const order = round % 2 === 0 ? [here, other] : [other, here];
      const rates = new Map<string, Rates>();
      for (const checkout of order) rates.set(checkout, await ratesOf(checkout, format, steps));
      measured.push({ here: rates.get(here)!, there: rates.get(other)! });
    }
    const middle = (of: (one: { here: Rates; there: Rates }) => number) => median(measured.map(of));
    const [ours, theirs] = [middle(({ here: { wall } }) => wall), middle(({ there: { wall } }) => wall)];
    const core = middle(({ here: { core } }) => core) / middle(({ there: { core } }) => core);
    const each = measured.map((one) => (one.here.wall / one.there.wall).toFixed(2)).join(", ");
    const cells = [format, ours.toFixed(0), theirs.toFixed(0), (ours / theirs).toFixed(3), core.toFixed(3), each];
    onLine(`| ${cells.join(" | ")} |`);
  }
}

/** The middle one of an odd number of values. */
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Tokens per second. */
interface Rates {
  /** By wall-clock time. */
  readonly wall: number;
  /** By processor time, which other work on the machine affects less. */
  readonly core: number;
}

/** Runs the benchmark of a checkout, and reads the rates from the line that it prints. */
async function ratesOf(checkout: string, format: Format, steps: number): Promise<Rates> {
  const args = ["tools/node24.mjs", "test/bench/main.ts", "--base", format, "--steps", `${steps}`];
  const { stdout } = await run("node", args, { cwd: checkout }).catch((error: unknown) => {
    throw error instanceof CommandError ? new Error(`${checkout}: ${error.message}`) : error;
  });
  const [, wall, core] = /ours ([\d.]+) tokens\/s, ([\d.]+) by core time/.exec(stdout) ?? [];
  if (wall === undefined || core === undefined)
    throw new Error(`${checkout}: its benchmark printed no rate:\n${stdout}`);
  return { wall: Number(wall), core: Number(core) };
}
