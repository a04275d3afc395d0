// Progress reports of long set-up work: one callback, called with whole lines. The caller decides how to show them; the
// set-up itself prints nothing.

export interface Progress {
  /** The stage in two or three words: "build kubernetes", "start cluster". */
  readonly stage: string;
  /** One line, without a newline. */
  readonly message: string;
  /** 0 to 1, if it is known. */
  readonly fraction?: number;
}

export type OnProgress = (progress: Progress) => void;

const HEARTBEAT_MS = 8_000;

/** Runs `work`; after 8 s without a report it repeats the last one with the elapsed time, to show that the work continues. */
export async function withHeartbeat<T>(onProgress: OnProgress, work: (report: OnProgress) => Promise<T>): Promise<T> {
  const started = Date.now();
  let last: Progress | undefined;
  let lastAt = started;
  const timer = setInterval(() => {
    if (last === undefined || Date.now() - lastAt < HEARTBEAT_MS) return;
    lastAt = Date.now();
    onProgress({ ...last, message: `${last.message} … ${Math.round((lastAt - started) / 1000)} s` });
  }, 1_000);
  timer.unref();
  try {
    return await work((progress) => {
      last = progress;
      lastAt = Date.now();
      onProgress(progress);
    });
  } finally {
    clearInterval(timer);
  }
}

/** Plain lines for a log or a pipe: `[stage  42 %] message`. */
export function formatProgress({ stage, message, fraction }: Progress): string {
  const share = fraction === undefined ? "" : ` ${String(Math.floor(fraction * 100)).padStart(3)} %`;
  return `[${stage}${share}] ${message}`;
}
