/**
 * One preparation in a separate process: `dataRun.ts SOURCE MODEL STORE THREADS`. Memory and processor time are those of
 * this process and of its encoding processes.
 */
import { readFileSync } from "node:fs";
import { runPrepare } from "../../trainer/stages/prepare.ts";
import { Stores } from "../../trainer/stores/stores.ts";

const [source = "", model = "", store = "", threads = "0"] = process.argv.slice(2);
const uri = (path: string) => `file://${path}`;

const children = () =>
  readFileSync(`/proc/self/task/${process.pid}/children`, "utf8")
    .split(" ")
    .filter((pid) => pid.trim() !== "");

/** Bytes of a process: `Pss`, all resident ones, a shared page divided among its users; or `Pss_Anon`, without files. */
function bytesOf(pid: string, kind: "Pss" | "Pss_Anon"): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return 1024 * Number(new RegExp(`^${kind}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  } catch {
    // It has just ended.
    return 0;
  }
}

/** Processor time of finished child processes, in seconds. */
function coreSecondsOfEnded(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

let [peakBytes, encoderBytes] = [0, 0];
const sampling = setInterval(() => {
  const encoders = children();
  const resident = ["self", ...encoders].reduce((total, pid) => total + bytesOf(pid, "Pss"), 0);
  peakBytes = Math.max(peakBytes, resident);
  encoderBytes = Math.max(encoderBytes, ...encoders.map((pid) => bytesOf(pid, "Pss_Anon")));
}, 500);

const started = performance.now();
const { figures } = await runPrepare(
  {
    version: 1,
    stage: "Prepare",
    artifactRoot: uri(store),
    prepareKey: "0".repeat(64),
    baseModel: { uri: uri(model) },
    dataset: { sources: [{ uri: uri(source) }], maxSequenceLength: 512 },
  },
  {
    stores: new Stores(),
    onProgress: ({ phase, done, total, unit }) => process.stderr.write(`${phase} ${done}/${total} ${unit}\n`),
    progressInterval: 5000,
    log: () => {},
    signal: new AbortController().signal,
    threads: Number(threads),
  },
);
clearInterval(sampling);
const { user, system } = process.cpuUsage();
const result = {
  seconds: (performance.now() - started) / 1000,
  coreSeconds: (user + system) / 1e6 + coreSecondsOfEnded(),
  peakBytes,
  /** Peak of the largest encoding process, without its program's files. */
  encoderBytes,
  datasetDigest: figures.datasetDigest,
  dataset: figures.dataset,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
