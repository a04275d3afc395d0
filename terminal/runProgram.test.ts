import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError, run } from "./runProgram.ts";

test("output, input and lines pass through", async () => {
  const lines: string[] = [];
  const { stdout } = await run("cat", [], { stdin: "one\ntwo", onLine: (line) => lines.push(line) });
  assert.equal(stdout, "one\ntwo");
  assert.deepEqual(lines, ["one", "two"]);
});

test("a failure carries the status and quotes what was said", async () => {
  await assert.rejects(run("sh", ["-c", "echo gone wrong >&2; exit 3"]), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.status, 3);
    assert.match(error.message, /exit status 3\ngone wrong/);
    return true;
  });
});

test("a program that is not there is a CommandError too", async () => {
  await assert.rejects(run("no-such-program-here", []), CommandError);
});

test("a program that does not read its input is judged by its status", async () => {
  await run("true", [], { stdin: "x".repeat(1 << 20) });
});
