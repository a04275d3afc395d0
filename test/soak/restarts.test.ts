import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { startUntilDone } from "./restarts.ts";

/** A process that runs the nth of these commands at its nth start. */
function starting(...scripts: string[]) {
  let starts = 0;
  return () => spawn("sh", ["-c", scripts[starts++] ?? "exit 0"], { stdio: ["ignore", "pipe", "pipe"] });
}

const wait = "exec sleep 10";

test("a run that its schedule stops and kills is restarted until it is done", async () => {
  const kills = [{ signal: "SIGKILL", afterMs: 1 } as const, { signal: "SIGTERM", afterMs: 1 } as const];
  assert.equal(await startUntilDone(starting(wait, wait, "exit 10", "exit 0"), kills), 4);
});

for (const [death, script] of [
  ["SIGSEGV", "kill -SEGV $$"],
  ["SIGABRT", "kill -ABRT $$"],
  ["20", "exit 20"],
] as const) {
  test(`a run that ends with ${death} is not started again`, async () => {
    const scheduled = [{ signal: "SIGKILL", afterMs: 10_000 } as const];
    await assert.rejects(startUntilDone(starting(script), scheduled), new RegExp(`ended with ${death}`));
  });
}
