/** One preparation in a process of its own, so that its memory is its own: `dataRun.ts SOURCE MODEL STORE THREADS`. */
import { runPrepare } from "../../trainer/stages/prepare.ts";
import { Stores } from "../../trainer/stores/stores.ts";

const [source = "", model = "", store = "", threads = "0"] = process.argv.slice(2);
const uri = (path: string) => `file://${path}`;

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
const { user, system } = process.cpuUsage();
const result = {
  seconds: (performance.now() - started) / 1000,
  coreSeconds: (user + system) / 1e6,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  datasetDigest: figures.datasetDigest,
  dataset: figures.dataset,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
