/** Tables of what a GPU ran from a bundle. Pure. */
import { formatBytes, formatCount, formatMilliseconds, formatShare } from "../../../terminal/format.ts";
import { type Gpu, gpus, productOf } from "../../../trainer/planning/gpus.ts";
import { markdownRow } from "../marked.ts";
import type { Timed } from "./contents.ts";

/** `luthier-exec --report`, as trainer/native/exec/report.cc writes it. */
export interface PartReport {
  readonly gpu?: GpuReport;
  readonly cases: readonly CaseReport[];
}

export interface GpuFacts {
  readonly name: string;
  readonly computeCapability: string;
  readonly driverVersion: string;
  readonly totalBytes: number;
  readonly peakBytes: number;
  readonly openSeconds: number;
}

/** `error`: no GPU could be opened. */
export type GpuReport = GpuFacts | { readonly error: string };

export interface CaseReport {
  readonly name: string;
  readonly error?: string;
  readonly runs?: readonly { readonly seconds: number; readonly ops: Readonly<Record<string, number>> }[];
  readonly outputs?: readonly {
    readonly name: string;
    readonly digest: string;
    readonly rootMeanSquare: number | null;
    readonly relative?: number | null;
    readonly within?: boolean;
  }[];
}

/** A bundle's report.json: exit status and report of each part. */
export interface BundleReport {
  readonly statuses: Readonly<Record<string, number>>;
  readonly parts: Readonly<Record<string, PartReport>>;
}

export interface Results {
  readonly report: BundleReport;
  /** By the file's path in the bundle. */
  readonly timed: Readonly<Record<string, Timed>>;
  /** The interpreter's results for the same cases. */
  readonly interpreted: PartReport | undefined;
}

export function linesOf({ report, timed, interpreted }: Results): string[] {
  const opened = Object.values(report.parts).flatMap(({ gpu }) => (gpu ? [gpu] : []));
  const [facts, ...others] = opened.flatMap((gpu) => ("error" in gpu ? [] : [gpu]));
  if (!facts) {
    const [reason = "no part has a report"] = opened.flatMap((gpu) => ("error" in gpu ? [gpu.error] : []));
    return [`No part opened a GPU: ${reason}`];
  }
  const gpu = gpus.find(({ products }) => products.includes(productOf(facts.name)));
  return [
    `${facts.name}, compute capability ${facts.computeCapability}, driver of CUDA ${facts.driverVersion}, ${formatBytes(facts.totalBytes)}.`,
    startLine([facts, ...others]),
    "",
    ...caseLines(report, interpreted),
    "",
    ...timedLines(report, timed, gpu),
  ];
}

/** The first process waits for the driver's compiler; later ones load what it kept. */
function startLine(opened: readonly GpuFacts[]): string {
  const seconds = opened.map(({ openSeconds }) => openSeconds);
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)].map(formatMilliseconds);
  return `Opening the GPU with the kernels took between ${least} and ${most}.`;
}

function caseLines({ statuses, parts }: BundleReport, interpreted: PartReport | undefined): string[] {
  const cases = Object.entries(parts).flatMap(([part, report]) => (part.startsWith("cases.") ? report.cases : []));
  const ran = cases.filter(({ error }) => error === undefined);
  const wrong = ran.filter(({ outputs = [] }) => outputs.some(({ within }) => within === false));
  const lines = [`${ran.length - wrong.length} of ${cases.length} cases agree with the reference in double.`];
  for (const { name, outputs = [] } of wrong) {
    const worst = outputs
      .filter(({ within }) => within === false)
      .map((one) => `${one.name} ${one.relative ?? "not a number"}`);
    lines.push(`- ${name} differs: ${worst.join(", ")}`);
  }
  for (const { name, error } of cases) if (error !== undefined) lines.push(`- ${name} failed: ${error}`);
  for (const [part, status] of Object.entries(statuses)) {
    if (status === 0 || (status === 1 && parts[part])) continue;
    lines.push(`- the part ${part} ended with status ${status}${status === 124 ? ", its time was over" : ""}`);
  }
  if (!interpreted) return lines;
  const bitsOf = ({ outputs = [] }: CaseReport) => outputs.map(({ digest }) => digest).join();
  const expected = new Map(interpreted.cases.map((one) => [one.name, bitsOf(one)]));
  const compared = ran.filter(({ name }) => expected.has(name));
  const equal = compared.filter((one) => bitsOf(one) === expected.get(one.name));
  return [...lines, `${equal.length} of ${compared.length} cases have the interpreter's bits.`];
}

const heading = ["", "device", "with copies", "TFLOP/s", "of the peak", "tokens/s", "memory", "longest ops"];

function timedLines({ parts }: BundleReport, timed: Results["timed"], gpu: Gpu | undefined): string[] {
  const rows = Object.entries(timed).flatMap(([file, work]) => {
    const part = parts[file.replace("/", ".").replace(/\.case$/, "")];
    const runs = part?.cases[0]?.runs ?? [];
    const facts = part?.gpu;
    if (runs.length === 0 || !facts || "error" in facts) return [];
    return [timedRow(work, runs, facts.peakBytes, gpu)];
  });
  if (rows.length === 0) return ["No sweep and no training ended."];
  return [heading, heading.map((_, column) => (column === 0 || column === 7 ? "---" : "--:")), ...rows].map(
    markdownRow,
  );
}

function timedRow(
  { name, flops, tokens, type }: Timed,
  runs: NonNullable<CaseReport["runs"]>,
  peakBytes: number,
  gpu: Gpu | undefined,
): string[] {
  const onDevice = ({ ops }: (typeof runs)[number]) => Object.values(ops).reduce((sum, seconds) => sum + seconds, 0);
  const fastest = runs.reduce((best, run) => (onDevice(run) < onDevice(best) ? run : best));
  const seconds = onDevice(fastest);
  const rate = flops / seconds;
  const peak = gpu && (type === "BF16" ? gpu.flops.bf16 : gpu.flops.f32);
  const longest = Object.entries(fastest.ops)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 4)
    .map(([op, taken]) => `${op} ${formatShare(taken / seconds)}`);
  return [
    name,
    formatMilliseconds(seconds),
    formatMilliseconds(fastest.seconds),
    (rate / 1e12).toPrecision(3),
    peak ? formatShare(rate / peak) : "–",
    tokens === undefined ? "–" : formatCount(tokens / seconds),
    formatBytes(peakBytes),
    tokens === undefined ? "" : longest.join(", "),
  ];
}
