import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ProcessorTimer, processorTimeOf } from "./processorTimer.ts";

test("a process is reported when it has used its processor time, not while it is suspended", async (t) => {
  const child = spawn(process.execPath, ["--eval", "for (;;);"], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  const pid = child.pid!;
  while ((processorTimeOf(pid) ?? 0) < 100) await sleep(5);
  child.kill("SIGSTOP");
  const used = processorTimeOf(pid)!;
  const timer = new ProcessorTimer(pid);
  let passedAt: number | undefined;
  timer.start(300, () => {
    passedAt = processorTimeOf(pid);
  });
  await sleep(800);
  assert.equal(passedAt, undefined);
  child.kill("SIGCONT");
  while (passedAt === undefined) await sleep(20);
  assert.ok(passedAt >= used + 300, `${used} ${passedAt}`);
  assert.equal(processorTimeOf(2 ** 22 + 1), undefined);
});
