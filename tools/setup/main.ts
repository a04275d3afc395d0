// Runs the set-up from the command line: node tools/node24.mjs tools/setup/main.ts [--check] [native] [cluster] [images]

import { UsageError } from "../../terminal/arguments.ts";
import { helpOption, runScript } from "../../terminal/script.ts";
import type { Purpose } from "./packages.ts";
import { formatProgress } from "./progress.ts";
import { describeSetup, planSetup, setUp } from "./setup.ts";

const PURPOSES: readonly Purpose[] = ["native", "cluster", "images"];

const usage = {
  command: "node tools/node24.mjs tools/setup/main.ts",
  positionals: ["PURPOSE…?"],
  summary: "Checks this machine, lists missing packages, and installs them with apt (root).",
  details: [`Purposes: ${PURPOSES.join(", ")}; without one, all of them.`],
  options: { check: { help: "only check and report, change nothing" }, help: helpOption },
} as const;

await runScript(usage, async ({ positionals, switches }) => {
  const unknown = positionals.find((name) => !PURPOSES.some((purpose) => purpose === name));
  if (unknown !== undefined)
    throw new UsageError(`unknown purpose "${unknown}"; the purposes are ${PURPOSES.join(", ")}`);
  const purposes = PURPOSES.filter((name) => positionals.length === 0 || positionals.includes(name));
  const plan = await planSetup(purposes, [], purposes.includes("cluster"));
  for (const line of describeSetup(plan)) console.log(line);
  if (!switches.has("check")) await setUp(plan, (progress) => console.error(formatProgress(progress)));
  return plan.findings.some(({ severity }) => severity === "error") ? 1 : 0;
});
