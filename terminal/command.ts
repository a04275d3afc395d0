/** The common parts of all commands: interface, streams, interruption and exit code. */
import { exitCode } from "../trainer/contract/exitCodes.ts";
import type { Arguments, Usage } from "./arguments.ts";
import { createScreen, type Screen } from "./screen.ts";

export interface Command {
  readonly usage: Usage;
  /** The message on Ctrl-C: what stops, and what continues. */
  readonly onInterrupt: string;
  /** The exit code. */
  run(args: Arguments, session: Session): Promise<number>;
}

export interface Session {
  /** Progress and messages: standard error. */
  readonly screen: Screen;
  /** Results: standard output. */
  write(text: string): void;
  /** Aborted by the first Ctrl-C, SIGTERM or hang-up; the second one ends the process at once. */
  readonly signal: AbortSignal;
}

/** A stop request often arrives twice: from the terminal or a supervisor, and from the launcher or npm that forward it. */
const sameWishMs = 1000;

/** Prints `onInterrupt` when `signal` is aborted. */
export function createSession(onInterrupt: string): Session {
  const controller = new AbortController();
  const screen = createScreen();
  let askedAt = Number.POSITIVE_INFINITY;
  // The terminal (after a hang-up) or a pipe's reader may be gone: the output is lost then, but the work continues.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (Date.now() - askedAt > sameWishMs) process.exit(exitCode.interrupted);
      if (controller.signal.aborted) return;
      askedAt = Date.now();
      controller.abort(new Interrupted());
      screen.print(onInterrupt);
    });
  }
  return { screen, write: (text) => process.stdout.write(text), signal: controller.signal };
}

export class Interrupted extends Error {}

/** Options of several commands, with the same help everywhere. */
export const commonOptions = {
  output: { value: "FORMAT", short: "o", help: "text (default) or json: the result on standard output" },
  claim: {
    value: "NAME=DIR",
    repeated: true,
    help: "the directory of the claim pvc://NAME on this machine; repeatable",
  },
  threads: { value: "N", help: "worker threads; default: the available cores" },
  help: { short: "h", help: "this text" },
} as const;

/** Options of the commands that connect to a cluster. */
export const clusterOptions = {
  kubeconfig: { value: "FILE", help: "the cluster; default: $KUBECONFIG, else ~/.kube/config" },
  context: { value: "NAME", help: "the kubeconfig's context; default: its current one" },
  namespace: { value: "NAME", short: "n", help: "default: that of the kubeconfig's context" },
} as const;

export const outputFormats = ["text", "json"] as const;

/** A result for `--output json`. */
export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
