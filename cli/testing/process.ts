/** Runs luthier as a separate process: returns its exit code and its output, and can send Ctrl-C in the middle. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Around {
  /** Sends SIGINT, like Ctrl-C, as soon as this returns true; polled every few milliseconds. */
  readonly interruptWhen?: () => boolean;
  /** Variables in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs luthier in `directory` to its end. */
export function luthier(
  directory: string,
  args: readonly string[],
  { interruptWhen = () => false, env = {} }: Around = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const watch = setInterval(() => {
    if (!interruptWhen()) return;
    clearInterval(watch);
    child.kill("SIGINT");
  }, 2);
  return new Promise((resolve) =>
    child.on("close", (status) => {
      clearInterval(watch);
      resolve({ status, stdout, stderr });
    }),
  );
}
