/**
 * Measures the speed and the memory of preparing a data set: conversations through the demo's tokenizer and template to
 * packed rows in a store, by the code and the processes of a real preparation.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { formatBytes, formatCount } from "../../terminal/format.ts";
import { writeConversations } from "./dataFile.ts";

const runner = fileURLToPath(new URL("dataRun.ts", import.meta.url));
const demoModel = fileURLToPath(new URL("../../demo/base/model", import.meta.url));

const resultSchema = z.object({
  seconds: z.number(),
  coreSeconds: z.number(),
  peakBytes: z.number(),
  encoderBytes: z.number(),
  dataset: z.object({ examples: z.number(), tokens: z.number(), rows: z.number() }),
});

export interface DataBench {
  readonly megabytes: number;
  /** A directory in Hugging Face layout; default: the demo's base. */
  readonly model: string | undefined;
  /** 0: the available cores. */
  readonly threads: number;
  readonly onLine: (line: string) => void;
}

export async function benchData({ megabytes, model, threads, onLine }: DataBench): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-bench-"));
  try {
    const source = path.join(directory, "conversations.jsonl");
    writeConversations(source, megabytes * 1e6);
    const args = [runner, source, path.resolve(model ?? demoModel), path.join(directory, "store"), String(threads)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { seconds, coreSeconds, peakBytes, encoderBytes, dataset } = resultSchema.parse(JSON.parse(stdout));
    onLine(
      `data         ${megabytes} MB of JSON lines, ${dataset.examples} conversations, ${formatCount(dataset.tokens)} tokens`,
    );
    onLine(
      `throughput   ${(megabytes / seconds).toFixed(1)} MB/s; ${(megabytes / coreSeconds).toFixed(1)} MB for each second of a core`,
    );
    onLine(
      `memory       ${formatBytes(peakBytes)} resident at most; an encoding process has ${formatBytes(encoderBytes)} of its own`,
    );
    onLine(`result       ${dataset.rows} rows of 512 tokens, staged in ${seconds.toFixed(1)} s`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
