import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { specIssue } from "./issue.ts";

test("each issue names its field; one of the whole spec names spec", () => {
  const schema = z.object({ a: z.array(z.object({ b: z.int("must be whole") })) }).refine(() => false, "too much");
  const issueOf = (value: unknown) => specIssue(schema.safeParse(value).error!);
  assert.equal(issueOf({ a: [{ b: 1 }, { b: 0.5 }] }), "spec.a.1.b: must be whole");
  assert.equal(issueOf({ a: [] }), "spec: too much");
});
