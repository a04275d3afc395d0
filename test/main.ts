/**
 * `npm test`: prepares the machine for the chosen tests, by default all of the repository, and runs them under node:test with
 * one summary at the end. `-- --no-cluster` skips the tests that need root; `-- --only GLOB` runs only matching files. On an
 * interruption it stops the clusters that tests have started.
 */
import { globSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec, tap } from "node:test/reporters";
import { machineStages } from "../demo/machine.ts";
import { demo, repository } from "../demo/places.ts";
import { helpText, readArguments, UsageError } from "../terminal/arguments.ts";
import { createSession, Interrupted } from "../terminal/command.ts";
import { runStages } from "../terminal/stages.ts";
import { runningClusters, stopCluster } from "./cluster/cluster.ts";
import { inTurn } from "./report.ts";

const usage = {
  command: "npm test --",
  positionals: [],
  summary: "Sets the machine up, then runs types, lint, generated files, arrows, unit, native and end-to-end tests.",
  options: {
    "no-cluster": { help: "skip the tests that need root and a real cluster" },
    only: { value: "GLOB", repeated: true, help: "only matching test files; repeatable" },
    help: { short: "h", help: "this text" },
  },
} as const;

/** Tests on a real cluster, which need root. */
const clusterTests = /^test\/(e2e|faults)\/|\.cluster\.test\.ts$/;
/** These check the leftovers of a cluster on the machine, so they must not run beside other clusters. */
const aloneTests = /\.cluster\.test\.ts$/;

interface Selection {
  readonly unit: readonly string[];
  readonly cluster: readonly string[];
}

function selectTests(globs: readonly string[], withCluster: boolean): Selection {
  const files = globSync(
    globs.length === 0 ? ["{operator,trainer,cli,terminal,demo,tools,images,test,.dagger}/**/*.test.ts"] : globs,
    {
      cwd: repository,
      exclude: (name) => /(^|\/)(node_modules|build)$/.test(name),
    },
  ).sort();
  const cluster = files.filter((file) => clusterTests.test(file));
  return { unit: files.filter((file) => !clusterTests.test(file)), cluster: withCluster ? cluster : [] };
}

/** Files at a time: native unit tests and trainings in a cluster already use every core. */
const concurrency = 2;
const unitTimeoutMs = 10 * 60_000;
const clusterTimeoutMs = 60 * 60_000;

async function runTests({ unit, cluster }: Selection, signal: AbortSignal): Promise<boolean> {
  let passed = true;
  const start = (files: readonly string[], timeout: number) => () => {
    const stream = run({ files: files.map((file) => path.join(repository, file)), concurrency, timeout, signal });
    stream.on("test:fail", () => {
      passed = false;
    });
    return stream;
  };
  const first = [...unit, ...cluster.filter((file) => aloneTests.test(file))];
  const then = cluster.filter((file) => !aloneTests.test(file));
  const runs = [
    ...(first.length === 0 ? [] : [start(first, unitTimeoutMs)]),
    ...(then.length === 0 ? [] : [start(then, clusterTimeoutMs)]),
  ];
  const events = inTurn(runs);
  const report = process.stdout.isTTY ? Readable.from(events).compose(new spec()) : Readable.from(tap(events));
  await pipeline(report, process.stdout, { end: false });
  return passed;
}

async function main(argv: readonly string[]): Promise<number> {
  const args = readArguments(usage, argv);
  if (args.switches.has("help")) {
    process.stdout.write(helpText(usage));
    return 0;
  }
  const selected = selectTests(args.values.get("only") ?? [], !args.switches.has("no-cluster"));
  const readiness = selected.cluster.length > 0 ? "all tests" : "unit tests";
  if (selected.unit.length + selected.cluster.length === 0) throw new UsageError("no test file matches --only");
  if (readiness === "all tests" && process.getuid?.() !== 0) {
    throw new UsageError(
      "the end-to-end tests start a real cluster and need root: run as root, or skip them with `npm test -- --no-cluster`",
    );
  }
  await runStages(screen, await machineStages(readiness, screen, signal), { signal });
  return (await runTests(selected, signal)) ? 0 : 1;
}

/** Cleans up after interrupted tests, but keeps the demo's cluster, which belongs to the user. */
async function stopTestClusters(): Promise<void> {
  for (const name of runningClusters().filter((name) => name !== demo.clusterName)) {
    screen.print(`ending the cluster ${name}`);
    await stopCluster(name);
  }
}

const { screen, signal } = createSession("stopping; clusters of the tests are ended first (again: stop at once)");
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(signal.reason instanceof Interrupted)) {
    process.stderr.write(`npm test: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
if (signal.aborted) {
  await stopTestClusters();
  process.exit(130);
}
