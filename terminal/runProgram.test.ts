import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError, run } from "./runProgram.ts";

test("output, input and lines pass through", async () => {
  const lines: string[] = [];
  const { stdout } = await run("cat", [], { stdin: "one\ntwo", onLine: (line) => lines.push(line) });
  assert.equal(stdout, "one\ntwo");
  assert.deepEqual(lines, ["one", "two"]);
});

test("a failure contains the status and quotes the output", async () => {
  await assert.rejects(run("sh", ["-c", "echo gone wrong >&2; exit 3"]), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.status, 3);
    assert.match(error.message, /exit status 3\ngone wrong/);
    return true;
  });
});

test("a missing program is a CommandError too", async () => {
  await assert.rejects(run("no-such-program-here", []), CommandError);
});

test("a program that does not read its input succeeds or fails by its status", async () => {
  await run("true", [], { stdin: "x".repeat(1 << 20) });
});
