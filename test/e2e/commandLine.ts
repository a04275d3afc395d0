/** Runs typed commands in processes: with pipes, or on a separate terminal that can send Ctrl-C. */
import { spawn } from "node:child_process";
import { repository } from "../../demo/places.ts";

export interface Output {
  /** The exit code. */
  readonly code: number | null;
  /** The output; on a terminal including escape codes. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Typed {
  readonly environment: NodeJS.ProcessEnv;
  /** The text for the pipe, or the typed text on a terminal. */
  readonly stdin?: string;
}

/** Runs a shell command in the checkout. */
export function shell(line: string, { environment, stdin = "" }: Typed): Promise<Output> {
  const child = spawn("/bin/sh", ["-c", line], { cwd: repository, env: environment });
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  return output(child);
}

export interface Terminal {
  readonly ended: Promise<Output>;
  /** The output so far. */
  shown(): string;
  interrupt(): void;
}

/** The same on a terminal of 80 columns, made by util-linux's script(1). */
export function onTerminal(line: string, environment: NodeJS.ProcessEnv): Terminal {
  const arguments_ = ["--quiet", "--return", "--flush", "--command", line, "/dev/null"];
  const child = spawn("script", arguments_, { cwd: repository, env: { ...environment, TERM: "xterm" } });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  return { ended: output(child), shown: () => shown, interrupt: () => child.stdin.write("\x03") };
}

function output(child: ReturnType<typeof spawn>): Promise<Output> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
