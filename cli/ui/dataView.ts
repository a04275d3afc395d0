/** What a data set is, as a person reads it: the lines of `luthier data`. Pure. */

import { bar } from "../../terminal/bar.ts";
import { formatCount, formatShare } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import type { DataReport, LengthBin } from "../dataReport.ts";

const barWidth = 40;

export function dataLines(report: DataReport): string[] {
  return [...table([...exampleRows(report), ...tokenRows(report), ...faultRows(report)]), "", ...lengthLines(report)];
}

function exampleRows({ examples, validationExamples, testExamples, sequences }: DataReport): string[][] {
  const apart = sequences === examples + validationExamples ? "" : `, learnt as ${sequences} sequences`;
  return [
    ["examples", `${examples} to train on${apart}`],
    ...(validationExamples > 0 ? [["validation", `${validationExamples}`]] : []),
    ...(testExamples > 0 ? [["test", `${testExamples}`]] : []),
  ];
}

function tokenRows({
  tokens,
  trainedTokens,
  rows,
  rowTokens,
  truncatedExamples,
  examples,
  validationExamples,
}: DataReport) {
  const truncated = share(truncatedExamples, examples + validationExamples);
  return [
    ["tokens", `${formatCount(tokens)}, of which ${formatCount(trainedTokens)} are learnt`],
    ["packed", `${rows} rows of ${rowTokens} tokens, ${share(tokens, rows * rowTokens)} full`],
    [
      "truncated",
      truncatedExamples === 0 ? "none" : `${truncatedExamples} (${truncated}) are longer than ${rowTokens}`,
    ],
  ];
}

function faultRows({ duplicateExamples, badRows, firstFault, leaks }: DataReport): string[][] {
  const leaked = Object.entries(leaks).filter(([, count]) => count > 0);
  return [
    ["duplicates", duplicateExamples === 0 ? "none" : `${duplicateExamples} are copies of another`],
    [
      "leaks",
      leaked.length === 0 ? "none" : leaked.map(([splits, count]) => `${count} ${leakTexts[splits]}`).join("; "),
    ],
    ["bad rows", badRows === 0 ? "none" : `${badRows}; the first: ${firstFault}`],
  ];
}

const leakTexts: Readonly<Record<string, string>> = {
  trainValidation: "are trained on and in the validation set",
  trainTest: "are trained on and in the test set",
  validationTest: "are in the validation set and in the test set",
};

const share = (part: number, whole: number) => formatShare(whole === 0 ? 0 : part / whole);

function lengthLines({ lengths, rowTokens }: DataReport): string[] {
  const { median, p90, p99, longest, bins } = lengths;
  const most = Math.max(...bins.map(({ count }) => count));
  const rows = bins.map((bin) => [`  ${rangeOf(bin)}`, bar(bin.count / most, barWidth), String(bin.count)]);
  return [
    `tokens of an example: median ${median}, 90 % up to ${p90}, 99 % up to ${p99}, longest ${longest}; a row holds ${rowTokens}`,
    ...table(rows, [0, 2]),
  ];
}

const rangeOf = ({ from, to }: LengthBin) => `${from}–${to}`;
