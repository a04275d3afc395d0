// Runs a program to its end: collects the output, forwards lines as they arrive, and quotes them in the error of a failure.
// Uses no shell: passes arguments unchanged.

import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  /** The whole environment; the current one if missing. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called with every line of stdout and stderr as it arrives. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program ended with a non-zero status, was killed, or could not be started. */
export class CommandError extends Error {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, status: number | undefined, reason: string, output: CommandResult) {
    const lastLines = tail(output.stderr.trim() || output.stdout.trim(), 20);
    super(`${command}: ${reason}${lastLines === "" ? "" : `\n${lastLines}`}`);
    this.name = "CommandError";
    this.status = status;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

/** Resolves with the output when the status is 0, rejects with a CommandError otherwise. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      signal: options.signal,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const stdout = collect(child.stdout, options.onLine);
    const stderr = collect(child.stderr, options.onLine);
    const output = (): CommandResult => ({ stdout: stdout(), stderr: stderr() });
    const shown = [command, ...args.slice(0, 3)].join(" ");
    child.on("error", (error) => reject(new CommandError(shown, undefined, error.message, output())));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output());
      else
        reject(
          new CommandError(shown, code ?? undefined, signal ? `killed by ${signal}` : `exit status ${code}`, output()),
        );
    });
    // If a program exits without reading its input, its status counts, not the broken pipe.
    child.stdin.on("error", () => {});
    child.stdin.end(options.stdin ?? "");
  });
}

function collect(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): () => string {
  const parts: string[] = [];
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    parts.push(chunk);
    if (onLine === undefined) return;
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => {
    if (rest !== "") onLine?.(rest);
  });
  return () => parts.join("");
}

export function tail(text: string, lines: number): string {
  return text.split("\n").slice(-lines).join("\n");
}
