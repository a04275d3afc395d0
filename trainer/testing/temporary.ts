/** A temporary directory per test, removed when the test ends, and a stage context in it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { Progress } from "../contract/progress.ts";
import type { StageContext } from "../stages/context.ts";
import { Stores } from "../stores/stores.ts";

export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "luthier-test-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface TestStage extends StageContext {
  progress: Progress[];
  stop: () => void;
}

/** Claims are directories of the same name in `directory`. */
export function testContext(directory: string, changes: Partial<StageContext> = {}): TestStage {
  const controller = new AbortController();
  const progress: Progress[] = [];
  return {
    stores: new Stores({ claimsRoot: directory }),
    onProgress: (line) => progress.push(line),
    progressInterval: 0,
    log: () => {},
    signal: controller.signal,
    threads: 1,
    progress,
    stop: () => controller.abort(),
    ...changes,
  };
}
