/** `luthier plot`: curves of trainings in a cluster, or of a run on this machine, as text or as an SVG. */

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Arguments, choiceOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import {
  type Command,
  clusterOptions,
  commonOptions,
  jsonText,
  outputFormats,
  type Session,
} from "../../terminal/command.ts";
import { type CurveName, curveNames, pointsOf } from "../../trainer/contract/curves.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { parseProgress } from "../../trainer/contract/progress.ts";
import { connectBy } from "../cluster/connect.ts";
import { type NamedCurve, trainingOf } from "../cluster/training.ts";
import { plotLines, plotSvg, type Series } from "../ui/curvePlot.ts";

const usage = {
  command: "luthier plot",
  positionals: ["NAME…"],
  summary: "Draws curves of trainings: loss over steps by default.",
  details: [
    "NAME is a FineTuneJob (its present run), an Adapter, a FineTuneRun, or a metrics.jsonl or the directory of a run on this",
    "machine; job/NAME, adapter/NAME and run/NAME say which. A finished training has at most 200 points of each curve in its",
    "objects, so no access to the artifact store is needed. The curves of a running one are those of its pod's log.",
    "  luthier plot support-bot --curve GradientNorm",
    "  luthier plot adapter/support-bot-1f0c93ab adapter/support-bot-77ab0210 --svg losses.svg",
  ],
  options: {
    curve: {
      value: "NAME",
      repeated: true,
      help: `${curveNames.join(", ")}; repeatable; default: Loss and ValidationLoss`,
    },
    svg: { value: "FILE", help: "write a picture instead of text" },
    ...clusterOptions,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const plotCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const wanted = wantedCurves(args.values.get("curve"));
  const trainings = await curvesOfAll(args, session);
  if (format === "json") {
    session.write(jsonText(trainings));
    return exitCode.done;
  }
  const series = seriesOf(trainings, wanted);
  if (series.length === 0) throw new UsageError(noCurves(trainings, wanted));
  const svg = optionOf(args, "svg");
  const title = `${wanted.join(" and ")} of ${trainings.map(({ name }) => name).join(", ")}`;
  if (svg !== undefined) writeFileSync(svg, plotSvg(title, series));
  else session.write(`${plotLines(series, Math.min(110, process.stdout.columns || 80)).join("\n")}\n`);
  return exitCode.done;
}

function wantedCurves(given: readonly string[] | undefined): readonly CurveName[] {
  if (given === undefined) return ["Loss", "ValidationLoss"];
  return given.map((name) => {
    const known = curveNames.find((one) => one === name);
    if (known === undefined) throw new UsageError(`--curve is one of ${curveNames.join(", ")}, not ${name}`);
    return known;
  });
}

interface Plotted {
  readonly name: string;
  readonly curves: readonly NamedCurve[];
}

/** A series for each wanted curve of each training, named so that no two are alike. */
export function seriesOf(trainings: readonly Plotted[], wanted: readonly CurveName[]): Series[] {
  const many = trainings.length > 1;
  return trainings.flatMap(({ name, curves }) =>
    wanted.flatMap((curve) =>
      curves
        .filter((one) => one.name === curve)
        .map(({ points }) => ({ label: many ? `${name} ${curve}` : curve, points })),
    ),
  );
}

function noCurves(trainings: readonly Plotted[], wanted: readonly CurveName[]): string {
  const names = trainings.map(({ name }) => name).join(", ");
  const has = [...new Set(trainings.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const there = has.length === 0 ? "no curve yet" : `only ${has.join(", ")}`;
  return `no ${wanted.join(" or ")} of ${names}: there is ${there}`;
}

async function curvesOfAll(args: Arguments, { signal }: Session): Promise<Plotted[]> {
  const local = args.positionals.map((name) => ({ name, file: metricsFile(name) }));
  const isRemote = local.some(({ file }) => file === undefined);
  await using connection = isRemote ? connectBy(args) : undefined;
  const plotted: Plotted[] = [];
  for (const { name, file } of local) {
    if (file !== undefined) plotted.push({ name, curves: readFile(file) });
    else if (connection) plotted.push({ name, curves: (await trainingOf(connection, name, signal)).curves });
  }
  return plotted;
}

/** The file of curves that `name` is or contains; undefined if it is a name in the cluster. */
function metricsFile(name: string): string | undefined {
  if (!existsSync(name)) return undefined;
  if (!statSync(name).isDirectory()) return name;
  const file = path.join(name, "metrics.jsonl");
  return existsSync(file) ? file : undefined;
}

const readFile = (file: string): NamedCurve[] =>
  pointsOf(
    readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line) => parseProgress(line) ?? []),
  );
