/** For the native tests: writes cases to files and runs `luthier-exec` on them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon } from "../native/addon.ts";

/** The instruction sets of the cpu backend that this machine runs, with the emulated one. */
export const levelsHere = () => addon().info().isas;

export interface ExecutedCases {
  /** Exit status, or null after a crash. */
  readonly status: number | null;
  /** One `NAME: difference` per failed comparison. */
  readonly failures: readonly string[];
  readonly stderr: string;
}

/** Case files in a temporary directory, by name. */
export class CaseFiles {
  readonly #directory = mkdtempSync(join(tmpdir(), "luthier-cases-"));
  readonly #names: readonly string[];

  constructor(cases: readonly { name: string; bytes: Uint8Array }[]) {
    this.#names = cases.map(({ name }) => name);
    for (const [index, { bytes }] of cases.entries()) writeFileSync(this.#path(index), bytes);
  }

  execute(executable: string, ...options: string[]): ExecutedCases {
    return this.executeWith({}, executable, ...options);
  }

  /** With additional environment variables. */
  executeWith(environment: Record<string, string>, executable: string, ...options: string[]): ExecutedCases {
    const files = this.#names.map((_, index) => this.#path(index));
    const { status, stdout, stderr } = spawnSync(executable, [...options, ...files], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
      maxBuffer: 2 ** 28,
    });
    let current = "";
    const failures = stdout.split("\n").flatMap((line) => {
      if (line.endsWith(".case")) current = this.#names[files.indexOf(line)] ?? line;
      return line.startsWith("  FAIL") ? [`${current}: ${line.slice(6).trim()}`] : [];
    });
    return { status, failures, stderr };
  }

  /** The failures of well-formed cases. */
  failuresOf(executable: string, ...options: string[]): readonly string[] {
    const { status, failures, stderr } = this.execute(executable, ...options);
    // A sanitizer that reports an error also exits with 1.
    assert.equal(status, failures.length > 0 ? 1 : 0, `luthier-exec ${options.join(" ")}: ${stderr.slice(-4000)}`);
    return failures;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #path(index: number): string {
    return join(this.#directory, `${index}.case`);
  }
}
