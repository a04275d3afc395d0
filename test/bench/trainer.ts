/**
 * Tokens a second of the trainer on the 135 M shape, its share of the register-only peak of the same run, and for comparison
 * the same training with PyTorch, PEFT and bitsandbytes.
 *
 * Each has two figures: by wall-clock time (the fastest step, because other work can only slow a step down), and by processor
 * time (tokens per core-second times cores), the speed of an otherwise idle machine.
 */
import os from "node:os";
import { table } from "../../terminal/table.ts";
import { addon } from "../../trainer/native/addon.ts";
import { markdownRow as row, writeMarked } from "./marked.ts";
import { measurePeak, type Peak } from "./peak.ts";
import { measurePeer, type PeerMeasurement, peerPython } from "./peers.ts";
import type { Format } from "./shape.ts";
import { type Measured, measureOurs, type OurMeasurement, tokensPerStep } from "./throughput.ts";

export interface TrainerBenchOptions {
  formats: readonly Format[];
  peers: boolean;
  /** Timed steps, after one untimed step. */
  steps: number;
  /** Write the table into docs/performance.md. */
  write: boolean;
  onLine: (line: string) => void;
}

export interface Comparison {
  format: Format;
  peak: Peak;
  ours: OurMeasurement;
  peer: PeerMeasurement | undefined;
}

export async function benchTrainer({ formats, peers, steps, write, onLine }: TrainerBenchOptions): Promise<void> {
  const { cores, isa } = addon().info();
  if (peers) onLine("peers: PyTorch, PEFT and bitsandbytes (the first time downloads 3 GB)");
  const python = peers ? await peerPython(onLine) : undefined;
  const results: Comparison[] = [];
  for (const format of formats) {
    onLine(`${format}: ours, ${steps} steps on ${cores} cores`);
    const peak = await measurePeak(cores);
    const ours = await measureOurs(format, cores, steps);
    onLine(`${format}: ours ${wallRate(ours).toFixed(0)} tokens/s, ${coreRate(ours, cores).toFixed(0)} by core time`);
    if (python) onLine(`${format}: peers, ${steps} steps`);
    const peer = python ? await measurePeer(python, format, cores, steps) : undefined;
    results.push({ format, peak, ours, peer });
  }
  const heading = `${os.cpus()[0]?.model ?? "unknown processor"}, ${cores} cores, ${isa}; load ${os.loadavg()[0]?.toFixed(1)}`;
  for (const line of [heading, ...plainTable(results, cores)]) onLine(line);
  if (write) writeMarked("throughput", markdown(heading, results, cores));
}

const headings = [
  "base",
  "tokens/s",
  "of peak",
  "by core time",
  "of peak",
  "memory",
  "peers tokens/s",
  "by core time",
  "memory",
];

/** Columns as in `headings`. */
function cells({ format, peak, ours, peer }: Comparison, cores: number): string[] {
  const gigaflops = peak[format === "F32" ? "F32" : "BF16"];
  const share = (rate: number) => `${((100 * rate * ours.flopsPerToken) / gigaflops / 1e9).toFixed(0)} %`;
  const rates = (measured: Measured) => [wallRate(measured), coreRate(measured, cores)] as const;
  const [wall, core] = rates(ours);
  const [peerWall, peerCore] = peer ? rates(peer).map((rate) => rate.toFixed(0)) : ["–", "–"];
  const memory = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  return [
    format,
    wall.toFixed(0),
    share(wall),
    core.toFixed(0),
    share(core),
    memory(ours.peakBytes),
    peerWall ?? "–",
    peerCore ?? "–",
    peer ? memory(peer.peakBytes) : "–",
  ];
}

const wallRate = ({ secondsPerStep }: Measured): number => tokensPerStep / Math.min(...secondsPerStep);

const coreRate = ({ coreSecondsPerStep }: Measured, cores: number): number =>
  (cores * tokensPerStep) / Math.min(...coreSecondsPerStep);

const plainTable = (results: readonly Comparison[], cores: number): string[] =>
  table([headings, ...results.map((result) => cells(result, cores))], headings.map((_, column) => column).slice(1));

function markdown(heading: string, results: readonly Comparison[], cores: number): string {
  const versions = results.find(({ peer }) => peer)?.peer?.versions ?? {};
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const peaks = results.map(({ format, peak }) => `${format} ${peak[format === "F32" ? "F32" : "BF16"].toFixed(0)}`);
  return [
    `${heading}. Register-only peak in GFLOP/s beside each: ${peaks.join(", ")}.`,
    ...(peers.length > 0 ? [`Peers: ${peers.join(", ")}.`] : []),
    "",
    row(headings),
    row(headings.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...results.map((result) => row(cells(result, cores))),
  ].join("\n");
}
