/** `luthier inspect`: shows what an adapter learnt (trainer/inspection). */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Arguments, choiceOf, integerOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, commonOptions, jsonText, outputFormats, type Session } from "../../terminal/command.ts";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import { adviceOf } from "../../trainer/inspection/advice.ts";
import { inspectAdapter, largestRank } from "../../trainer/inspection/inspect.ts";
import { methodOf } from "../../trainer/methods/index.ts";
import { classified } from "../../trainer/stages/classify.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { type PeftAdapter, readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { MergeBase } from "../../trainer/weights/mergeBase.ts";
import { adapterConfigFile } from "../../trainer/weights/peftConfig.ts";
import { openPlace, pinnedPlace } from "../foreignPlaces.ts";
import { ensureNative } from "../nativeBuild.ts";
import { inspectionSvg } from "../ui/inspectPlot.ts";
import { inspectionLines } from "../ui/inspectView.ts";

const usage = {
  command: "luthier inspect",
  positionals: ["ADAPTER"],
  summary: "Shows what an adapter learnt: spectra of its updates, amplified directions, overlap with another adapter.",
  details: [
    "ADAPTER is a directory or URI (s3://, hf://) with an adapter in PEFT's layout. For each matrix that it adapts: the singular values of its update",
    "ΔW, the effective rank (exp of their entropy), and the number of directions that hold 99 % of ‖ΔW‖².",
    "With --base also ‖ΔW‖/‖UᵀWV‖, by which the update amplifies its own directions of W; updates that are no product of",
    "low rank (DoRA, LoHa, LoKr, …) need it. With --other also φ, the share of directions that both adapters have.",
    "  luthier inspect out/adapter --base models/base --svg spectra.svg",
    "The analyses are those of the LoRA paper (Hu et al. 2021, §7). Methods without ΔW, such as prefixes, are refused.",
  ],
  options: {
    base: { value: "MODEL", help: "the model that the adapter is for, a directory or URI" },
    other: { value: "ADAPTER", help: "an adapter of the same base to compare" },
    svg: { value: "FILE", help: "also write a picture of the spectra" },
    threads: commonOptions.threads,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const inspectCommand: Command = { usage, run, onInterrupt: "stopping" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const [base, other, svg] = [optionOf(args, "base"), optionOf(args, "other"), optionOf(args, "svg")];
  const log = (line: string) => session.screen.print(line);
  const stores = new Stores({ signal: session.signal, log });
  const adapter = await adapterAt(stores, args.positionals[0] ?? "");
  const compared = other === undefined ? undefined : await adapterAt(stores, other);
  await ensureNative(session.screen);
  const sites = await classified(async () =>
    inspectAdapter(adapter, {
      base: base === undefined ? undefined : await MergeBase.of(await openPlace(stores, base, log)),
      other: compared,
      threads: integerOf(args, "threads", 1, 1024, 0) || availableParallelism(),
      onSite() {
        session.signal.throwIfAborted();
      },
    }),
  );
  const method = methodOf(adapter.settings);
  const advice = adviceOf(sites, largestRank(adapter));
  const found = { method: method.describe(), sites, advice };
  if (svg !== undefined) writeFileSync(svg, inspectionSvg(found));
  session.write(format === "json" ? jsonText(found) : `${inspectionLines(found).join("\n")}\n`);
  return exitCode.done;
}

async function adapterAt(stores: Stores, place: string): Promise<PeftAdapter> {
  const uri = await pinnedPlace(stores, place);
  const adapter = await classified(() => readPeftAdapter(stores, uri));
  if (adapter) return adapter;
  throw new UsageError(
    `${place} holds no adapter (${adapterConfigFile} is missing); the result of method full is a model`,
  );
}
