// The set-up from the command line: node tools/node24.mjs tools/setup/main.ts [--check] [native] [cluster] [images]
// Without a purpose: all of them. --check looks and says, and changes nothing.

import { parseArgs } from "node:util";
import { PACKAGES, type Purpose } from "./packages.ts";
import { formatProgress } from "./progress.ts";
import { describeSetup, planSetup, setUp } from "./setup.ts";

const PURPOSES: readonly Purpose[] = ["native", "cluster", "images"];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { check: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !(name in PACKAGES));
  if (unknown !== undefined) throw new Error(`"${unknown}" is no purpose; they are ${PURPOSES.join(", ")}`);
  const purposes = PURPOSES.filter((name) => positionals.length === 0 || positionals.includes(name));
  const plan = await planSetup(purposes, [], purposes.includes("cluster"));
  for (const line of describeSetup(plan)) console.log(line);
  if (!values.check) await setUp(plan, (progress) => console.error(formatProgress(progress)));
  if (plan.findings.some(({ severity }) => severity === "error")) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
