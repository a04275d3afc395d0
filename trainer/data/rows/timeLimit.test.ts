import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TimeLimitError, withinTime } from "./timeLimit.ts";

/** Uses processor time of this thread. */
function work(milliseconds: number): string {
  const before = process.threadCpuUsage();
  for (;;) {
    const { user, system } = process.threadCpuUsage(before);
    if (user + system >= 1000 * milliseconds) return "done";
  }
}

/**
 * A child process whose work of 800 ms has a limit of 1 s; it prints a line before each start of the work, and one after it. It
 * stops itself within the first one.
 */
function limitedChild(t: TestContext) {
  const program = `
    import { withinTime } from ${JSON.stringify(new URL("timeLimit.ts", import.meta.url).href)};
    import { writeSync } from "node:fs";
    ${work.toString().replace(": number): string", ")")}
    let starts = 0;
    const suspended = () => {
      writeSync(1, "started\\n");
      if (++starts === 1) process.kill(process.pid, "SIGSTOP");
      return work(800);
    };
    writeSync(1, withinTime(1000, suspended) + "\\n");
  `;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module-typescript", "--eval", program];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  return { child, printed: () => printed, ended: new Promise<void>((resolve) => child.on("close", () => resolve())) };
}

const isStopped = (pid: number) => /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

test("work that a busy machine suspends beyond its limit ends all the same, after a second start", async (t) => {
  const { child, printed, ended } = limitedChild(t);
  while (!isStopped(child.pid!)) await sleep(5);
  await sleep(2500);
  child.kill("SIGCONT");
  await ended;
  assert.match(printed(), /^(started\n){2,}done\n$/);
});

test("work that ends for no one is cancelled once it has used its processor time", () => {
  const before = process.threadCpuUsage();
  assert.throws(() => withinTime(300, () => work(1e9)), TimeLimitError);
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system >= 300_000, `${user + system}`);
  assert.equal(
    withinTime(300, () => work(10)),
    "done",
  );
});
