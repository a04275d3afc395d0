/** What every command of the command line shares: its shape, its streams, how it is stopped, and its exit code. */
import { exitCode } from "../trainer/contract/exitCodes.ts";
import type { Arguments, Usage } from "./arguments.ts";
import { createScreen, type Screen } from "./screen.ts";

export interface Command {
  readonly usage: Usage;
  /** What its user reads on Ctrl-C: what stops, and what does not. */
  readonly onInterrupt: string;
  /** The exit code. */
  run(args: Arguments, session: Session): Promise<number>;
}

export interface Session {
  /** Progress and words for a person: standard error. */
  readonly screen: Screen;
  /** Results: standard output. */
  write(text: string): void;
  /** Aborted by the first Ctrl-C, SIGTERM or hang-up; the second one ends the process at once. */
  readonly signal: AbortSignal;
}

/** One wish to stop often arrives twice: from the terminal or a supervisor, and from the launcher or npm that pass it on. */
const sameWishMs = 1000;

/** `onInterrupt` is said when `signal` is aborted. */
export function createSession(onInterrupt: string): Session {
  const controller = new AbortController();
  const screen = createScreen();
  let askedAt = Number.POSITIVE_INFINITY;
  // The terminal may be gone (a hang-up), and a pipe's reader too: what is written then is lost, the work is not.
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

/** Options that several commands have, in the same words everywhere. */
export const commonOptions = {
  output: { value: "FORMAT", short: "o", help: "text (default) or json: the result on standard output" },
  kubeconfig: { value: "FILE", help: "the cluster; default: $KUBECONFIG, else ~/.kube/config" },
  namespace: { value: "NAME", short: "n", help: "default: that of the kubeconfig's context" },
  claim: { value: "NAME=DIR", repeated: true, help: "where the claim pvc://NAME lies on this machine; repeatable" },
  threads: { value: "N", help: "worker threads; default: the cores granted" },
  help: { short: "h", help: "this text" },
} as const;

export const outputFormats = ["text", "json"] as const;
