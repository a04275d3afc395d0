/**
 * Notes on the inputs of a training that is otherwise in order: rows that were dropped, columns of the data and fields of
 * config.json that were not used. The operator, the command line and the trainer's own message have these sentences. Pure.
 */
import type { PrepareFigures } from "./report.ts";

/** More overlong examples than this share of all are a warning. settings.ts documents it. */
const overlongWarningShare = 0.01;

/** The parts of the figures that the notes are about. */
export interface NotedInputs {
  readonly dataset: PrepareFigures["dataset"];
  readonly model: Pick<PrepareFigures["model"], "ignoredFields">;
}

/** Sentences, the weightiest first. */
export function inputNotes({ dataset, model }: NotedInputs): string[] {
  const { examples, validationExamples, testExamples, overlongExamples = 0, overlongTestExamples = 0 } = dataset;
  const first = dataset.firstOverlong === undefined ? "" : ` (the first: ${dataset.firstOverlong})`;
  const { badRows, ignoredColumns = [] } = dataset;
  const { ignoredFields = [] } = model;
  return [
    ...overlongNote(
      overlongExamples,
      examples + validationExamples,
      "examples",
      `whose answers begin beyond the longest sequence${first}`,
    ),
    ...overlongNote(
      overlongTestExamples,
      testExamples,
      "test examples",
      "whose prompts are longer than the longest sequence",
    ),
    ...(badRows > 0 ? [`${badRows} bad ${badRows === 1 ? "row was" : "rows were"} skipped.`] : []),
    ...(ignoredColumns.length > 0 ? [`Columns of the data that are not used: ${ignoredColumns.join(", ")}.`] : []),
    ...(ignoredFields.length > 0
      ? [`Fields of config.json that are not used: ${ignoredFields.join(", ")}; only the method has a dropout here.`]
      : []),
  ];
}

function overlongNote(dropped: number, kept: number, what: string, why: string): string[] {
  if (dropped === 0) return [];
  const isMany = dropped > overlongWarningShare * (dropped + kept);
  const share = ((100 * dropped) / (dropped + kept)).toFixed(1);
  return [
    isMany
      ? `Warning: ${dropped} of ${dropped + kept} ${what} (${share} %) were dropped, ${why}: raise dataset.maxSequenceLength, or shorten them.`
      : `${dropped} of ${dropped + kept} ${what} were dropped, ${why} (dataset.maxSequenceLength).`,
  ];
}
