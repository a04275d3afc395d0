/** How a trainer process ends; the operator's `podFailurePolicy` and every retry follow from these numbers. */
export const exitCode = {
  done: 0,
  /** Stopped on request, a durable checkpoint is written. */
  stopped: 10,
  peerLost: 11,
  /** Another writer holds this run's epoch. */
  superseded: 12,
  /** Configuration or data are wrong: retrying cannot help. */
  invalid: 20,
  /** The loss or a gradient is not finite, or the gradient is exactly zero. */
  diverged: 21,
  outOfDeviceMemory: 22,
  /** An input is corrupt or missing. */
  inputCorrupt: 23,
  storeUnreachable: 24,
} as const;

/** After these the same again ends the same. */
export const finalExitCodes = [
  exitCode.superseded,
  exitCode.invalid,
  exitCode.diverged,
  exitCode.outOfDeviceMemory,
  exitCode.inputCorrupt,
] as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
