/**
 * How a process of the trainer or of the command line ends. The operator's `podFailurePolicy` and every retry, the
 * command line's help and the user guide follow from these lines.
 */
export const exitCode = {
  done: 0,
  /** A fault of ours. */
  crashed: 1,
  usage: 2,
  /** A durable checkpoint is written. */
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
  /** Whether the operator tries again, and whether that counts towards `backoffLimit`. */
  again: "no" | "yes, and it counts" | "yes, and it counts not" | "–";
}

/** One line for each code, in order. */
export const exitCodeLines: readonly ExitCodeLine[] = [
  { code: exitCode.done, meaning: "done", again: "–" },
  { code: exitCode.crashed, meaning: "a fault of ours", again: "yes, and it counts" },
  { code: exitCode.usage, meaning: "the command line is wrong", again: "no" },
  {
    code: exitCode.stopped,
    meaning: "stopped on request; what was done is durable, the same command goes on",
    again: "yes, and it counts not",
  },
  { code: exitCode.peerLost, meaning: "another rank was lost", again: "yes, and it counts not" },
  { code: exitCode.superseded, meaning: "another process writes this run", again: "no" },
  {
    code: exitCode.invalid,
    meaning: "the manifest, the settings, the data or the access to a repository are wrong, or it does not fit",
    again: "no",
  },
  {
    code: exitCode.diverged,
    meaning: "the training diverged, or an export differs from what it was made of",
    again: "no",
  },
  { code: exitCode.outOfDeviceMemory, meaning: "out of memory, although planned", again: "no" },
  { code: exitCode.inputCorrupt, meaning: "an input is corrupt, changed or missing", again: "no" },
  {
    code: exitCode.storeUnreachable,
    meaning: "a store cannot be reached, refuses, or is full",
    again: "yes, and it counts",
  },
  { code: exitCode.interrupted, meaning: "Ctrl-C a second time: ended at once", again: "–" },
];

/** After these the same again ends the same. */
export const finalExitCodes: readonly ExitCode[] = exitCodeLines
  .filter(({ again }) => again === "no")
  .map(({ code }) => code);
