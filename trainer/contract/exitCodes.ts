/**
 * Exit codes of the trainer and of the command line. The operator's `podFailurePolicy` and retries, the command line's
 * help and the user guide are derived from these lines.
 */
export const exitCode = {
  done: 0,
  /** A bug in Luthier. */
  crashed: 1,
  usage: 2,
  /** Stopped on request, after a durable checkpoint. */
  stopped: 10,
  peerLost: 11,
  superseded: 12,
  invalid: 20,
  /** The loss or a gradient is not finite, or the gradient is exactly zero. */
  diverged: 21,
  outOfDeviceMemory: 22,
  inputCorrupt: 23,
  storeUnreachable: 24,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

interface ExitCodeLine {
  code: ExitCode;
  meaning: string;
  /** Whether the operator retries, and whether the retry counts towards `backoffLimit`. */
  again: "no" | "yes, counted" | "yes, not counted" | "–";
}

/** One line for each code, in order. */
export const exitCodeLines: readonly ExitCodeLine[] = [
  { code: exitCode.done, meaning: "done", again: "–" },
  { code: exitCode.crashed, meaning: "a bug in Luthier", again: "yes, counted" },
  { code: exitCode.usage, meaning: "invalid command line", again: "no" },
  {
    code: exitCode.stopped,
    meaning: "stopped on request; the work so far is durable, the same command resumes it",
    again: "yes, not counted",
  },
  { code: exitCode.peerLost, meaning: "another rank was lost", again: "yes, not counted" },
  { code: exitCode.superseded, meaning: "another process writes this run", again: "no" },
  {
    code: exitCode.invalid,
    meaning: "invalid manifest, settings or data, no access to a repository, or too little memory",
    again: "no",
  },
  {
    code: exitCode.diverged,
    meaning: "the training diverged, or an export differs from its adapter and base",
    again: "no",
  },
  { code: exitCode.outOfDeviceMemory, meaning: "out of memory, although the plan fitted", again: "no" },
  { code: exitCode.inputCorrupt, meaning: "an input is corrupt, changed or missing", again: "no" },
  {
    code: exitCode.storeUnreachable,
    meaning: "a store is unreachable, refuses access, or is full",
    again: "yes, counted",
  },
  { code: exitCode.interrupted, meaning: "ended at once by a second Ctrl-C", again: "–" },
];

/** A retry after these would end the same way. */
export const finalExitCodes: readonly ExitCode[] = exitCodeLines
  .filter(({ again }) => again === "no")
  .map(({ code }) => code);
