/** For the native tests: cases as files, and what `luthier-exec` makes of them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon } from "../native/addon.ts";

const levels = ["AVX2", "AVX512", "AVX512_BF16"] as const;

/** The instruction sets of the cpu backend that this machine has. */
export const levelsHere = () => levels.slice(0, levels.indexOf(addon().info().isa) + 1);

export interface ExecutedCases {
  /** Exit status, or null after a crash. */
  readonly status: number | null;
  /** `NAME: what` for each comparison that failed. */
  readonly failures: readonly string[];
  readonly stderr: string;
}

/** Case files of their own, by name. */
export class CaseFiles {
  readonly #directory = mkdtempSync(join(tmpdir(), "luthier-cases-"));
  readonly #names: readonly string[];

  constructor(cases: readonly { name: string; bytes: Uint8Array }[]) {
    this.#names = cases.map(({ name }) => name);
    for (const [index, { bytes }] of cases.entries()) writeFileSync(this.#path(index), bytes);
  }

  execute(executable: string, ...options: string[]): ExecutedCases {
    const files = this.#names.map((_, index) => this.#path(index));
    const { status, stdout, stderr } = spawnSync(executable, [...options, ...files], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    let current = "";
    const failures = stdout.split("\n").flatMap((line) => {
      if (line.endsWith(".case")) current = this.#names[files.indexOf(line)] ?? line;
      return line.startsWith("  FAIL") ? [`${current}: ${line.slice(6).trim()}`] : [];
    });
    return { status, failures, stderr };
  }

  /** What failed of cases that are all well formed. */
  failuresOf(executable: string, ...options: string[]): readonly string[] {
    const { status, failures, stderr } = this.execute(executable, ...options);
    // A sanitizer that found something exits with 1 too.
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
