/**
 * The outcome of a stage: the exit code and the envelope, from its result or from its error. An error that is not a
 * `StageFailure` is a crash: exit code 1, with its text in the message.
 */
import { counted } from "../contract/counted.ts";
import { type ExitCode, exitCode } from "../contract/exitCodes.ts";
import { messageOf, StageFailure } from "../contract/failure.ts";
import { inputNotes } from "../contract/inputNotes.ts";
import { type Envelope, envelopeLimitBytes } from "../contract/report.ts";
import type { RunFile } from "../contract/runFile.ts";
import { runCheck } from "./check.ts";
import type { StageContext } from "./context.ts";
import { runExport } from "./export.ts";
import { runPrepare } from "./prepare.ts";
import { runTrain } from "./train.ts";

export interface Outcome {
  code: ExitCode;
  envelope: Envelope;
}

/** Runs the stage of a run file. Never throws. */
export async function runStage(file: RunFile, context: StageContext): Promise<Outcome> {
  try {
    return { code: exitCode.done, envelope: bounded(await succeed(file, context)) };
  } catch (error) {
    if (!(error instanceof StageFailure)) {
      context.log(error instanceof Error && error.stack ? error.stack : String(error));
    }
    return failureOutcome(file.stage, error);
  }
}

async function succeed(file: RunFile, context: StageContext): Promise<Envelope> {
  const done = { v: 1, outcome: "Succeeded" } as const;
  switch (file.stage) {
    case "Prepare": {
      const { figures, reused } = await runPrepare(file, context);
      const { examples, rows } = figures.dataset;
      const message = [
        `${counted(examples, "example")} in ${counted(rows, "row")}${reused ? ", prepared before" : ""}`,
        ...inputNotes(figures),
      ].join(". ");
      return { ...done, stage: "Prepare", reason: reused ? "AlreadyPrepared" : "Prepared", message, figures };
    }
    case "Check": {
      const figures = await runCheck(file, context);
      const reason = figures.changed ? "DataChanged" : "DataUnchanged";
      const message = `${counted(figures.files, "file")}, ${counted(figures.bytes, "byte")}`;
      return { ...done, stage: "Check", reason, message, figures };
    }
    case "Train": {
      const { figures, reportDigest, reused } = await runTrain(file, context);
      const message = `${counted(figures.steps, "step")}, loss ${figures.loss.toPrecision(4)}${reused ? ", trained before" : ""}`;
      return { ...done, stage: "Train", reason: reused ? "AlreadyTrained" : "Trained", message, figures, reportDigest };
    }
    case "Export": {
      const { figures, reportDigest, reused } = await runExport(file, context);
      const message = `${counted(figures.sizeBytes, "byte")}, logits within ${figures.maxLogitDifference.toPrecision(3)}`;
      return {
        ...done,
        stage: "Export",
        reason: reused ? "AlreadyExported" : "Exported",
        message,
        figures,
        reportDigest,
      };
    }
  }
}

/** The outcome of a stage that threw `error`. */
export function failureOutcome(stage: RunFile["stage"], error: unknown): Outcome {
  const code = error instanceof StageFailure ? error.code : exitCode.crashed;
  const reason = error instanceof StageFailure ? error.reason : "Crashed";
  const outcome = code === exitCode.stopped ? "Stopped" : "Failed";
  return { code, envelope: bounded({ v: 1, stage, outcome, reason, message: messageOf(error) }) };
}

/**
 * Keeps the envelope within its size limit: truncates the message, and omits figures that alone exceed the limit,
 * because an envelope truncated by the kubelet cannot be parsed.
 */
export function bounded(envelope: Envelope): Envelope {
  const size = (message: string) => Buffer.byteLength(JSON.stringify({ ...envelope, message }));
  if (envelope.figures && size("") > envelopeLimitBytes) {
    const message = `${envelope.message} (the figures are too large to be reported; they are in the artifact store)`;
    return bounded({ ...envelope, figures: undefined, message });
  }
  let message = envelope.message.slice(0, 1024);
  while (message.length > 0 && size(message) > envelopeLimitBytes) message = message.slice(0, -64);
  return { ...envelope, message };
}
