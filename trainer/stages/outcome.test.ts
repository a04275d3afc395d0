import assert from "node:assert/strict";
import { test } from "node:test";
import { type Envelope, envelopeLimitBytes, parseEnvelope } from "../contract/report.ts";
import { bounded } from "./outcome.ts";

const figures = {
  name: "merged",
  digest: `sha256:${"0".repeat(64)}`,
  sizeBytes: 1,
  shards: 1,
  maxLogitDifference: 0,
  klDivergence: 0,
};
const done = { v: 1, stage: "Export", outcome: "Succeeded", reason: "Exported" } as const;

const cases: [string, Envelope, Pick<Envelope, "message" | "figures">][] = [
  ["a message that fits is unchanged", { ...done, message: "fine", figures }, { message: "fine", figures }],
  ["a long message is cut", { ...done, message: "x".repeat(2000), figures }, { message: "x".repeat(1024), figures }],
  [
    "figures that are too large are omitted, and the message reports that",
    { ...done, message: "fine", figures: { ...figures, name: "n".repeat(4000) } },
    { message: "fine (the figures are too large to be reported; they are in the artifact store)", figures: undefined },
  ],
];

for (const [name, envelope, expected] of cases) {
  test(`termination message: ${name}`, () => {
    const sent = JSON.stringify(bounded(envelope));
    assert.ok(Buffer.byteLength(sent) <= envelopeLimitBytes);
    const { message, figures } = parseEnvelope(sent)!;
    assert.deepEqual({ message, figures }, expected);
  });
}

test("termination message: a message of wide characters is truncated to the remaining bytes", () => {
  const sent = JSON.stringify(bounded({ ...done, message: "\u0001".repeat(1024), figures }));
  assert.ok(Buffer.byteLength(sent) <= envelopeLimitBytes);
  assert.deepEqual(parseEnvelope(sent)?.figures, figures);
});
