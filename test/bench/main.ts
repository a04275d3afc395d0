/**
 * `npm run bench`: measures the trainer on this machine, in tokens a second and as a share of the register-only peak;
 * `-- --peers` also runs PyTorch, PEFT and bitsandbytes. `-- --data MB` measures the preparation of data instead.
 * `-- --profile` shows the ops of a step. `-- --against DIR` compares with another checkout. Timings require an otherwise idle machine.
 */

import { machineStages } from "../../demo/machine.ts";
import { helpText, integerOf, optionOf, readArguments, UsageError } from "../../terminal/arguments.ts";
import { createScreen } from "../../terminal/screen.ts";
import { runStages } from "../../terminal/stages.ts";
import { benchAgainst } from "./against.ts";
import { benchData } from "./data.ts";
import { benchDecompositions } from "./decompositions.ts";
import { benchMemory } from "./memory/bench.ts";
import { benchMethods } from "./methods/bench.ts";
import { benchProfile } from "./profile.ts";
import { benchReal } from "./real/bench.ts";
import { type Format, formats } from "./shape.ts";
import { benchStaging } from "./staging.ts";
import { benchTrainer } from "./trainer.ts";

const usage = {
  command: "npm run bench --",
  positionals: [],
  summary: "Measures training on a Llama of 135 M parameters: LoRA of rank 16 on F32, BF16 and NF4.",
  options: {
    profile: { help: "instead: time, bytes, operations and share of the machine's limit of each op of a step" },
    peers: { help: "also run the same training with PyTorch, PEFT and bitsandbytes" },
    base: { value: "TYPE", repeated: true, help: "only F32, BF16 or NF4; repeatable (default all)" },
    steps: {
      value: "N",
      help: "timed steps per base type (default 5); with --methods: steps of each training (default 48, of SmolLM2 16)",
    },
    data: {
      value: "MB",
      help: "instead: measure throughput and memory of preparing this many megabytes of conversations",
    },
    model: {
      value: "DIR",
      help: "with --data: model with the tokenizer and template; with --methods: base to train (default the demo's base)",
    },
    memory: {
      help: "instead: compare planned and measured memory of 23 trainings; exit code 1 if a plan is wrong",
    },
    real: {
      help: "instead: train SmolLM2-135M-Instruct by LoRA and compare losses and answers with PEFT's; exit code 1 beyond a bound; with --methods: also compare the methods on it",
    },
    methods: { help: "instead: train every method on the demo's task under one budget, and write docs/methods.md" },
    seeds: { value: "N", help: "with --methods: trainings of each method (default 3)" },
    "scores-only": { help: "with --methods: train what is missing and end without timings and without the page" },
    rates: { help: "with --methods: search each method's learning rate, print it, and end" },
    threads: { value: "N", help: "with --data: encoding processes (default: the available cores)" },
    staging: { help: "instead: measure throughput and memory of staging a base model of a hub" },
    decompositions: { help: "instead: measure the decompositions that initialise adapters" },
    against: { value: "DIR", help: "instead: the speed ratio of this checkout to the one in DIR, which run in turn" },
    write: { help: "write the table into docs/performance.md (also with --profile and --real)" },
    help: { short: "h", help: "this text" },
  },
} as const;

function chosen(names: readonly string[] | undefined): readonly Format[] {
  const unknown = names?.find((name) => !formats.some((format) => format === name));
  if (unknown !== undefined) throw new UsageError(`--base ${unknown}: must be ${formats.join(", ")}`);
  return names ? formats.filter((format) => names.includes(format)) : formats;
}

async function main(): Promise<void> {
  const args = readArguments(usage, process.argv.slice(2));
  if (args.switches.has("help")) {
    process.stdout.write(`${helpText(usage)}\n`);
    return;
  }
  const onLine = (line: string) => void process.stdout.write(`${line}\n`);
  const megabytes = integerOf(args, "data", 1, 1_000_000, 0);
  if (megabytes > 0) {
    const threads = integerOf(args, "threads", 1, 1024, 0);
    return await benchData({ megabytes, model: optionOf(args, "model"), threads, onLine });
  }
  const screen = createScreen();
  await runStages(screen, await machineStages("native", screen));
  if (args.switches.has("staging")) return await benchStaging(onLine);
  if (args.switches.has("decompositions")) return await benchDecompositions(onLine);
  if (args.switches.has("methods")) {
    return await benchMethods({
      steps: integerOf(args, "steps", 1, 100_000, 0) || undefined,
      seeds: integerOf(args, "seeds", 1, 100, 0) || undefined,
      model: optionOf(args, "model"),
      real: args.switches.has("real"),
      scoresOnly: args.switches.has("scores-only"),
      rates: args.switches.has("rates"),
      onLine,
    });
  }
  if (args.switches.has("memory")) {
    const right = await benchMemory(onLine);
    process.exitCode = right ? 0 : 1;
    return;
  }
  if (args.switches.has("real")) {
    const agrees = await benchReal({ write: args.switches.has("write"), onLine });
    process.exitCode = agrees ? 0 : 1;
    return;
  }
  const options = {
    formats: chosen(args.values.get("base")),
    steps: integerOf(args, "steps", 1, 1000, 5),
    onLine,
  };
  if (args.switches.has("profile")) return await benchProfile({ ...options, write: args.switches.has("write") });
  const directory = optionOf(args, "against");
  if (directory !== undefined) return await benchAgainst({ ...options, directory });
  await benchTrainer({ ...options, peers: args.switches.has("peers"), write: args.switches.has("write") });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
