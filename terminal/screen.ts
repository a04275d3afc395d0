/**
 * Shows the progress of a command. On a terminal it redraws a block of lines at the bottom in place; elsewhere (a pipe, a
 * CI log) it prints the block's one-line summary, at most once in a few seconds and without control codes.
 *
 * Progress goes to standard error, so that standard output contains only results.
 */
import type { WriteStream } from "node:tty";
import { stripVTControlCharacters, styleText } from "node:util";
import { clip } from "./table.ts";

export interface Block {
  /** For a terminal: lines no wider than `columns`. */
  lines(columns: number): readonly string[];
  /** For a log: one line. */
  summary(): string;
}

export interface Screen {
  readonly isTerminal: boolean;
  /** Prints a permanent line. */
  print(line?: string): void;
  /** Shows the block's current state; `now` prints it to a log even if the last one is recent. */
  show(block: Block, now?: "now"): void;
  /** Removes the block; does nothing on a log. */
  clear(): void;
}

/** The greatest width of a block in columns. */
const widest = 110;
const logIntervalMs = 5000;

interface Target {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function createScreen(target: Target = process.stderr, now: () => number = Date.now): Screen {
  const capable = target.isTTY === true && process.env.TERM !== "dumb";
  return capable ? terminalScreen(target) : logScreen(target, now);
}

function terminalScreen(target: Target): Screen {
  let shown: readonly string[] = [];
  const redraw = (lines: readonly string[], above = "") => {
    target.write(frame(shown.length, lines, above));
    shown = lines;
  };
  return {
    isTerminal: true,
    print: (line = "") => redraw(shown, `${line}\n`),
    // A terminal of unknown width reports 0.
    show: (block) => redraw(block.lines(Math.min(widest, (target.columns || 80) - 1))),
    clear: () => redraw([]),
  };
}

/** Escape codes that replace `previous` lines above the cursor by `above` and `lines`. Pure. */
export function frame(previous: number, lines: readonly string[], above = ""): string {
  const up = previous === 0 ? "" : `\x1b[${previous}A`;
  return `${up}\r\x1b[J${above}${lines.map((line) => `${line}\n`).join("")}`;
}

/** Shows each text in one row: clips long lines and replaces line breaks by spaces. Pure. */
export function textBlock(texts: readonly string[]): Block {
  const lines = texts.map((text) => stripVTControlCharacters(text).replace(/\s*[\r\n]+\s*/g, " "));
  return { lines: (columns) => lines.map((line) => clip(line, columns)), summary: () => lines.join("\n") };
}

function logScreen(target: Target, now: () => number): Screen {
  let last = Number.NEGATIVE_INFINITY;
  let lastLine = "";
  return {
    isTerminal: false,
    print: (line = "") => {
      target.write(`${line}\n`);
    },
    show: (block, at) => {
      if (at !== "now" && now() - last < logIntervalMs) return;
      const line = block.summary();
      if (at === "now" && line === lastLine) return;
      last = now();
      lastLine = line;
      target.write(`${line}\n`);
    },
    clear: () => {},
  };
}

type Style = Parameters<typeof styleText>[0];

/** Adds colour if the stream is a terminal and NO_COLOR is not set. */
export function styled(style: Style, text: string, stream: WriteStream = process.stderr): string {
  return styleText(style, text, { stream });
}
