/**
 * Runs a list of stages one after another and shows the progress and the time of each. A failed stage ends the list, and
 * its error is printed last.
 */
import { bar } from "./bar.ts";
import { formatDuration } from "./format.ts";
import type { Block, Screen } from "./screen.ts";
import { styled } from "./screen.ts";
import { clip } from "./table.ts";

/** A stage's progress, in whole lines; `fraction` is in 0..1 if it is known. */
export interface StageProgress {
  readonly message: string;
  readonly fraction?: number;
}

export type Report = (progress: StageProgress) => void;

export interface Stage {
  readonly title: string;
  /** May return a note for the permanent line: "already there", "4 packages". */
  run(report: Report): Promise<string | undefined>;
}

const refreshMs = 500;

export interface StagesOptions {
  /** If aborted, no further stage starts and its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds, as Date.now. */
  readonly now?: () => number;
}

export async function runStages(
  screen: Screen,
  stages: readonly Stage[],
  { signal, now = Date.now }: StagesOptions = {},
): Promise<void> {
  for (const [index, stage] of stages.entries()) {
    signal?.throwIfAborted();
    await runStage(screen, stage, `${index + 1}/${stages.length}`, now);
  }
}

async function runStage(screen: Screen, stage: Stage, number: string, now: () => number): Promise<void> {
  const started = now();
  const state: RunningStage = { title: stage.title, number, seconds: 0, progress: { message: "" } };
  const block = stageBlock(state);
  const refresh = () => {
    state.seconds = (now() - started) / 1000;
    screen.show(block);
  };
  const timer = setInterval(refresh, refreshMs);
  refresh();
  try {
    const note = await stage.run((progress) => {
      state.progress = progress;
      refresh();
    });
    screen.clear();
    screen.print(endLine(styled("green", "✓"), state, (now() - started) / 1000, note));
  } catch (error) {
    screen.clear();
    screen.print(endLine(styled("red", "✗"), state, (now() - started) / 1000, undefined));
    throw error;
  } finally {
    clearInterval(timer);
  }
}

interface RunningStage {
  readonly title: string;
  readonly number: string;
  seconds: number;
  progress: StageProgress;
}

function endLine(mark: string, { title, number }: RunningStage, seconds: number, note: string | undefined): string {
  return `${mark} ${number.padStart(5)}  ${title.padEnd(40)} ${formatDuration(seconds).padStart(12)}${note === undefined ? "" : `  ${note}`}`;
}

/** The stage that runs now. Pure. */
export function stageBlock(state: RunningStage): Block {
  const text = () => {
    const { fraction, message } = state.progress;
    const share = fraction === undefined ? "" : `${String(Math.floor(fraction * 100)).padStart(3)} %  `;
    return { share, message };
  };
  return {
    lines(columns) {
      const { share, message } = text();
      const { fraction } = state.progress;
      const drawn = fraction === undefined ? "" : `${bar(fraction, 20)} `;
      const head = `▸ ${state.number.padStart(5)}  ${state.title.padEnd(40)} ${formatDuration(state.seconds).padStart(12)}`;
      return [clip(head, columns), clip(`         ${drawn}${share}${message}`, columns)];
    },
    summary() {
      const { share, message } = text();
      return `[${state.number} ${state.title}, ${formatDuration(state.seconds)}] ${share}${message}`.trimEnd();
    },
  };
}
