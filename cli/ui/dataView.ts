/** Formats the report of `luthier data`. Pure. */

import { bar } from "../../terminal/bar.ts";
import { formatCount, formatShare } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import type { DataReport, LengthBin } from "../dataReport.ts";

const barWidth = 40;

export function dataLines(report: DataReport): string[] {
  const rows = [...exampleRows(report), ...fileRows(report), ...tokenRows(report), ...faultRows(report)];
  return [...table(rows), "", ...lengthLines(report)];
}

/** A row for each file: its format and the columns that are read, and those that are not. */
function fileRows({ files }: DataReport): string[][] {
  return files.flatMap(({ uri, format, used, ignored }) => {
    const name = files.length > 1 ? `${uri.slice(uri.lastIndexOf("/") + 1)}: ` : "";
    return [
      ["form", `${name}${format === undefined ? "no row could be read" : `${format} (${used.join(", ")})`}`],
      ...(ignored.length > 0 ? [["not used", `${name}${ignored.join(", ")}`]] : []),
    ];
  });
}

function exampleRows(report: DataReport): string[][] {
  const { examples, validationExamples, testExamples, sequences, answers } = report;
  const several = sequences === examples + validationExamples ? "" : `, learnt as ${sequences} sequences`;
  const apart = answers ? `; ${answers.chosen} chosen or wanted answers, ${answers.rejected} others` : several;
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

/** Overlong rows that are named. */
const namedRows = 5;

function overlongText({ overlongExamples, overlongTestExamples, overlongRows, rowTokens }: DataReport): string {
  const dropped = overlongExamples + overlongTestExamples;
  if (dropped === 0) return "none";
  const named = overlongRows.slice(0, namedRows).join(", ");
  return `${dropped} are dropped, their answers begin after ${rowTokens} tokens: ${named}${dropped > namedRows ? ", …" : ""}`;
}

function faultRows(report: DataReport): string[][] {
  const { duplicateExamples, nearCopies, badRows, firstFault, leaks } = report;
  const leaked = Object.entries(leaks).filter(([, count]) => count > 0);
  return [
    ["too long", overlongText(report)],
    ["duplicates", duplicateExamples === 0 ? "none" : `${duplicateExamples} are copies of another`],
    ["near copies", nearCopies === 0 ? "none" : `${nearCopies} differ from an earlier one in a few words`],
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
