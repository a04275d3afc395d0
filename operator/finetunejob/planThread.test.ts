/** In its own file, and so in its own process, because the stack of an earlier thread could be reused otherwise. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { aSpec, pinnedStatus } from "../testing/builders.ts";
import { Planner } from "./planner.ts";

const spec = aSpec();
const { inputs } = pinnedStatus(prepareKey(trainingPart(spec)));

test("a thread that cannot start costs one answer, and a later question succeeds", async () => {
  let now = 0;
  const planner = new Planner({ clock: () => new Date(now) });
  const ask = () => planner.plan("k", { spec, inputs: inputs!, available: { bytes: 2 ** 31, from: "a limit" } });
  const refused = await withoutRoomForAThread(ask);
  assert.ok(refused.kind === "failed");
  assert.equal(refused.retryAfterMs, 60_000);
  now = 60_000;
  assert.equal((await ask()).kind, "planned");
});

/** Runs while the process may allocate hardly any memory; a thread's stack takes 4 MiB. */
async function withoutRoomForAThread<T>(work: () => Promise<T>): Promise<T> {
  const limit = (bytes: string) => execFileSync("prlimit", ["--pid", String(process.pid), `--as=${bytes}:`]);
  const [, kibibytes] = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  limit(String(Number(kibibytes) * 1024 + 2 ** 21));
  try {
    return await work();
  } finally {
    limit("unlimited");
  }
}
