import assert from "node:assert/strict";
import { test } from "node:test";
import { Cancelled, invalid } from "../contract/failure.ts";
import { MissingFileError } from "../stores/store.ts";
import { classified } from "./classify.ts";
import { failureOutcome } from "./outcome.ts";

const systemError = (code: string) => Object.assign(new Error(`${code}: something happened`), { code });

const cases: [unknown, number, string][] = [
  [invalid("BadRow", "a row"), 20, "BadRow"],
  [new MissingFileError("pvc://a/b"), 23, "FileMissing"],
  [systemError("ENOSPC"), 24, "StoreFull"],
  [systemError("EIO"), 24, "StoreUnreachable"],
  [systemError("EACCES"), 20, "AccessDenied"],
  [systemError("EROFS"), 20, "StoreReadOnly"],
  [systemError("ENAMETOOLONG"), 20, "PathTooLong"],
  [systemError("ENOTDIR"), 20, "PathInvalid"],
  [new Cancelled("program micro was cut short"), 10, "Stopped"],
  [new TypeError("a fault of ours"), 1, "Crashed"],
  ["not even an error", 1, "Crashed"],
];

for (const [error, code, reason] of cases) {
  test(`${error} ends with ${code} ${reason}`, async () => {
    const thrown = await classified(() => Promise.reject(error)).catch((caught: unknown) => caught);
    const outcome = failureOutcome("Train", thrown);
    assert.deepEqual([outcome.code, outcome.envelope.reason], [code, reason]);
    assert.equal(outcome.envelope.outcome, code === 10 ? "Stopped" : "Failed");
  });
}

test("an envelope stays within its size limit for every kind of message", () => {
  const { envelope } = failureOutcome("Prepare", invalid("BadRow", "\u0000\u{1f600}".repeat(3000)));
  assert.ok(Buffer.byteLength(JSON.stringify(envelope)) <= 3584);
  assert.ok(envelope.message.length > 100);
});
