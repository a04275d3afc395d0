import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inTurn, withLock } from "./lock.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "luthier-lock-"));
  file = path.join(directory, "below/demo.lock");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the error for a held lock names its holder, and the lock is free again afterwards", async () => {
  await withLock(file, "cluster demo", async () => {
    await assert.rejects(
      withLock(file, "cluster demo", async () => {}),
      new RegExp(`cluster demo is being started or stopped by process ${process.pid}`),
    );
  });
  assert.equal(await withLock(file, "cluster demo", async () => "done"), "done");
});

test("the error for a suspended holder explains how to resume and how to end it", async () => {
  const holder = spawn("sleep", ["60"]);
  try {
    process.kill(holder.pid!, "SIGSTOP");
    const status = () => readFileSync(`/proc/${holder.pid}/status`, "utf8");
    while (!/^State:\s+T/m.test(status())) await sleep(5);
    const stat = readFileSync(`/proc/${holder.pid}/stat`, "utf8");
    mkdirSync(path.dirname(file));
    writeFileSync(file, `${holder.pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`);
    const expected = new RegExp(`process ${holder.pid}\\. It is suspended .* kill -KILL ${holder.pid} ends it$`);
    await assert.rejects(
      withLock(file, "cluster demo", async () => {}),
      expected,
    );
  } finally {
    holder.kill("SIGKILL");
  }
});

test("a lock is released when the work fails", async () => {
  await assert.rejects(
    withLock(file, "cluster demo", async () => Promise.reject(new Error("no"))),
    /no/,
  );
  assert.ok(!existsSync(file));
});

test("the lock of an ended process is ignored, even if its process number is reused", async () => {
  await withLock(file, "cluster demo", async () => {});
  for (const stale of ["99999999 5", `${process.pid} 1`, ""]) {
    writeFileSync(file, stale);
    assert.equal(await withLock(file, "cluster demo", async () => "mine"), "mine");
  }
});

test("waiting processes get the lock one after another", async () => {
  const seen: string[] = [];
  const work = (name: string) => async () => {
    seen.push(`${name} begins`);
    await sleep(5);
    seen.push(`${name} ends`);
  };
  await Promise.all(["a", "b", "c"].map((name) => inTurn(file, work(name))));
  assert.equal(seen.length, 6);
  for (const [index, word] of seen.entries())
    if (index % 2 === 0) assert.equal(seen[index + 1], word.replace("begins", "ends"));
  assert.ok(!existsSync(file));
});
