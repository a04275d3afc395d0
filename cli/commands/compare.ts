/** `luthier compare`: trainings of a cluster side by side: curves, figures, and the settings in which they differ. */

import { writeFileSync } from "node:fs";
import { type Arguments, choiceOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { connectBy } from "../cluster/connect.ts";
import { trainingOf } from "../cluster/training.ts";
import { comparisonLines, differences } from "../ui/comparison.ts";
import { plotLines, plotSvg } from "../ui/curvePlot.ts";
import { seriesOf } from "./plot.ts";

const usage = {
  command: "luthier compare",
  positionals: ["NAME", "NAME…"],
  summary: "Compares trainings: curves, figures, and only the settings that differ.",
  details: [
    "NAME is a FineTuneJob (its present run), an Adapter or a FineTuneRun; job/NAME, adapter/NAME and run/NAME say which.",
    "Everything is read from the objects of the cluster. Settings are those of the FineTuneRun: if it is gone, figures, curves",
    "and the digests of the inputs are left.",
    "  luthier compare adapter/support-bot-1f0c93ab adapter/support-bot-77ab0210",
  ],
  options: {
    svg: { value: "FILE", help: "also write the curves as a picture" },
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const compareCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const svg = optionOf(args, "svg");
  if (new Set(args.positionals).size < args.positionals.length) throw new UsageError("each NAME once");
  await using connection = connectBy(args);
  const trainings = [];
  for (const name of args.positionals) trainings.push(await trainingOf(connection, name, session.signal));
  const series = seriesOf(trainings, ["Loss", "ValidationLoss"]);
  if (svg !== undefined) writeFileSync(svg, plotSvg(`Loss of ${args.positionals.join(", ")}`, series));
  if (format === "json") {
    session.write(jsonText({ trainings, differences: differences(trainings) }));
    return exitCode.done;
  }
  const columns = Math.min(110, process.stdout.columns || 80);
  const plot = series.length === 0 ? [] : ["", ...plotLines(series, columns)];
  session.write(`${[...comparisonLines(trainings), ...plot].join("\n")}\n`);
  return exitCode.done;
}
