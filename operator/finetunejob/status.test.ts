import assert from "node:assert/strict";
import { test } from "node:test";
import type { Results } from "../api/common.ts";
import { anAdapter, aPinnedJob, aRun, someResults, succeeded } from "../testing/builders.ts";
import { settledMessage } from "./status.ts";

test("the final message has every metric before and after, else the validation loss", () => {
  const job = aPinnedJob();
  const adapter = anAdapter(job, succeeded(aRun(job)));
  const { evaluation, ...plain } = someResults("0".repeat(64));
  const said = (results: Results) =>
    settledMessage({ ...adapter, spec: { ...adapter.spec, results } }).replace(/^Adapter \S+ is ready/, "");
  const metrics = [
    { metric: "Perplexity" as const, before: "12.5", after: "1.8" },
    { metric: "F1" as const, after: "0.7" },
  ];
  const exact = "exact match 0.5 → 0.95";
  assert.equal(
    said({ ...plain, evaluation }),
    `: ${exact} on 100 held-out examples (always the commonest answer: 0.53).`,
  );
  assert.equal(
    said({ ...plain, evaluation: { ...evaluation, metrics } }),
    `: ${exact}, perplexity 12.5 → 1.8, F1 ? → 0.7 on 100 held-out examples (always the commonest answer: 0.53).`,
  );
  assert.equal(
    said({ ...plain, evaluation: { examples: 1, metrics: metrics.slice(0, 1) } }),
    ": perplexity 12.5 → 1.8 on 1 held-out example.",
  );
  assert.equal(said(plain), ": validation loss 0.2.");
});
