/** Shows what a GPU ran from a bundle (bundle.ts), and writes it into docs/gpu.md. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../../../terminal/arguments.ts";
import { helpOption, runScript } from "../../../terminal/script.ts";
import { writeMarked } from "../marked.ts";
import { page } from "./budgets.ts";
import { type BundleReport, linesOf, type Results } from "./results.ts";

const usage = {
  command: "node tools/node24.mjs test/bench/gpu/report.ts",
  positionals: ["DIR"],
  summary: "Shows the results of the bundle in DIR after DIR/run.sh ran.",
  options: { write: { help: "write them into docs/gpu.md" }, help: helpOption },
} as const;

/** Throws an error that names a missing file. */
export function resultsIn(directory: string): Results {
  const file = (name: string) => path.join(directory, name);
  if (!existsSync(file("report.json"))) {
    throw new UsageError(`${directory} has no report.json: run ${directory}/run.sh on the machine with the GPU first`);
  }
  const report: BundleReport = JSON.parse(readFileSync(file("report.json"), "utf8"));
  const timed: Results["timed"] = JSON.parse(readFileSync(file("timed.json"), "utf8"));
  const interpreted: Results["interpreted"] = existsSync(file("interpreted.json"))
    ? JSON.parse(readFileSync(file("interpreted.json"), "utf8"))
    : undefined;
  return { report, timed, interpreted };
}

if (import.meta.main) {
  await runScript(usage, async (args) => {
    const [directory = ""] = args.positionals;
    const lines = linesOf(resultsIn(directory));
    process.stdout.write(`${lines.join("\n")}\n`);
    if (args.switches.has("write")) writeMarked("runs", lines.join("\n"), page);
    return undefined;
  });
}
