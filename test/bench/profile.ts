/**
 * A profile of one training step by op: time, bytes, floating-point operations, and the share of the limit that the machine
 * sets, which the same run measures.
 *
 * The limit of an op's time is the longer of its products at the register-only peak and its bytes at the rate of reading
 * memory; operands that are still in a cache can beat it. An op's time is that of its fastest step, because other work on the
 * machine only makes it slower.
 */
import os from "node:os";
import { table } from "../../terminal/table.ts";
import type { Program, ProgramKey, Work } from "../../trainer/graph/compiled.ts";
import { addon } from "../../trainer/native/addon.ts";
import { type StepParts, trainStep } from "../../trainer/training/step.ts";
import { markdownRow, writeMarked } from "./marked.ts";
import { measurePeak, type Peak } from "./peak.ts";
import type { Format } from "./shape.ts";
import { microOf, withTraining } from "./throughput.ts";

export interface ProfileOptions {
  formats: readonly Format[];
  /** Timed steps, after one untimed step. */
  steps: number;
  /** Write the tables into docs/performance.md. */
  write: boolean;
  onLine: (line: string) => void;
}

/** The instructions of one op in a step, together. */
export interface OpProfile {
  readonly op: string;
  readonly instructions: number;
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: number;
  /** The least seconds that the machine allows. */
  readonly limit: number;
}

export async function benchProfile({ formats, steps, write, onLine }: ProfileOptions): Promise<void> {
  const { cores, isa } = addon().info();
  const sections: string[] = [];
  for (const format of formats) {
    const peak = await measurePeak(cores);
    const profile = await withTraining(format, cores, steps, (parts) => profiled(parts, steps, peak));
    const heading =
      `${format}: ${os.cpus()[0]?.model ?? "unknown processor"}, ${cores} cores, ${isa}, load ${os.loadavg()[0]?.toFixed(1)}; ` +
      `peak F32 ${peak.F32}, BF16 ${peak.BF16} GFLOP/s, memory ${peak.memory} GB/s`;
    const lines = [headings, ...rowsOf(profile)];
    const right = headings.map((_, column) => column).slice(1);
    for (const line of [heading, ...table(lines, right)]) onLine(line);
    const marks = headings.map((_, column) => (column === 0 ? "---" : "--:"));
    sections.push([`${heading}.`, "", ...[headings, marks, ...rowsOf(profile)].map(markdownRow)].join("\n"));
  }
  if (write) writeMarked("profile", sections.join("\n\n"));
}

async function profiled(parts: StepParts, steps: number, peak: Peak): Promise<OpProfile[]> {
  const { engine } = parts;
  const keys: ProgramKey[] = [
    { program: "begin" },
    microOf(engine.compiled),
    { program: "optimise" },
    { program: "derive" },
  ];
  if (engine.compiled.pullsBack) keys.push({ program: "pullback" });
  const programs = keys.map((key) => engine.compiled.program(key));
  const seen = () => keys.map((key) => engine.seconds(key));
  await trainStep(parts, 1, [0, 1]);
  const taken: Map<string, number>[] = [];
  for (let step = 2; step <= steps + 1; step++) {
    const before = seen();
    await trainStep(parts, step, [0, 1]);
    const after = seen();
    const spent = after.map((times, program) => times.map((time, index) => time - before[program]![index]!));
    taken.push(sumByOp(programs, ({ index, program }) => spent[program]![index]!));
  }
  return profileOf(programs, taken, peak);
}

interface Place {
  readonly work: Work;
  readonly program: number;
  readonly index: number;
}

/** Sums a figure of each instruction by op. */
function sumByOp(programs: readonly Program[], figure: (place: Place) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [program, { work: works }] of programs.entries()) {
    for (const [index, work] of works.entries()) {
      sums.set(work.op, (sums.get(work.op) ?? 0) + figure({ work, program, index }));
    }
  }
  return sums;
}

/** The ops of some programs, the slowest first; `taken` are each step's seconds by op. */
export function profileOf(
  programs: readonly Program[],
  taken: readonly ReadonlyMap<string, number>[],
  peak: Peak,
): OpProfile[] {
  const sum = (figure: (work: Work) => number) => sumByOp(programs, ({ work }) => figure(work));
  const [instructions, flops, bytes] = [sum(() => 1), sum((work) => work.flops), sum((work) => work.bytes)];
  const limit = sum((work) => Math.max(work.flops / peak[work.type], work.bytes / peak.memory) / 1e9);
  const profile = [...instructions].map(([op, count]) => ({
    op,
    instructions: count,
    seconds: Math.min(...taken.map((step) => step.get(op) ?? 0)),
    flops: flops.get(op) ?? 0,
    bytes: bytes.get(op) ?? 0,
    limit: limit.get(op) ?? 0,
  }));
  return profile.sort((a, b) => b.seconds - a.seconds);
}

const headings = ["op", "instructions", "ms", "of the step", "GFLOP", "GFLOP/s", "MB", "GB/s", "of the limit"];

function rowsOf(profile: readonly OpProfile[]): string[][] {
  const add = (figure: (one: OpProfile) => number) => profile.reduce((total, one) => total + figure(one), 0);
  const total: OpProfile = {
    op: "all",
    instructions: add((one) => one.instructions),
    seconds: add((one) => one.seconds),
    flops: add((one) => one.flops),
    bytes: add((one) => one.bytes),
    limit: add((one) => one.limit),
  };
  return [...profile, total].map(({ op, instructions, seconds, flops, bytes, limit }) => [
    op,
    `${instructions}`,
    (seconds * 1000).toFixed(2),
    percent(seconds / total.seconds),
    flops > 0 ? (flops / 1e9).toFixed(2) : "–",
    flops > 0 ? (flops / seconds / 1e9).toFixed(0) : "–",
    (bytes / 1e6).toFixed(1),
    (bytes / seconds / 1e9).toFixed(1),
    percent(limit / seconds),
  ]);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
