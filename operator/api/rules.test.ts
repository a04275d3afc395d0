/** Checks with the schemas the same invalid and valid specs that `test/e2e/refusals.ts` sends to an API server. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { aSpec } from "../testing/builders.ts";
import { rightSpecs, wrongSpecs } from "../testing/examples.ts";
import { fineTuneJobSpec } from "./fineTuneJob.ts";

/** The errors in the API server's form: "spec.dataset.sources[0].columns: …". */
function messagesFor(change: Record<string, unknown>): string[] {
  const parsed = fineTuneJobSpec.safeParse({ ...aSpec(), ...change });
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
    return keys.map((key) => `${fieldName([...issue.path, ...(key === undefined ? [] : [key])])}: ${issue.message}`);
  });
}

const fieldName = (path: readonly PropertyKey[]) =>
  path.reduce<string>((at, part) => (typeof part === "number" ? `${at}[${part}]` : `${at}.${String(part)}`), "spec");

describe("refused by the schemas", () => {
  for (const { name, wrong, field, message = "" } of wrongSpecs) {
    test(`the schemas refuse ${name}`, () => {
      const found = messagesFor(wrong);
      assert.ok(
        found.some((one) => one.includes(`${field}: `) && one.includes(message)),
        found.join("\n"),
      );
    });
  }
});

describe("accepted by the schemas", () => {
  for (const { name, right } of rightSpecs)
    test(`the schemas accept ${name}`, () => assert.deepEqual(messagesFor(right), []));
});

test("every rule across fields rejects an example", () => {
  const messages = new Set<string>();
  JSON.stringify(z.toJSONSchema(fineTuneJobSpec, { io: "input" }), (key, value) => {
    if (key === "rules") for (const { message } of value) messages.add(message);
    return value;
  });
  assert.ok(messages.size >= 16, `${messages.size} rules`);
  const examples = wrongSpecs.flatMap(({ message }) => message ?? []);
  const without = [...messages].filter((message) => !examples.some((example) => message.includes(example)));
  assert.deepEqual(without, []);
});
