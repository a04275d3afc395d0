/** The events that a status write of a run adds to the metrics. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { aPinnedJob, aRun, now, succeeded } from "../testing/builders.ts";
import { type Measured, measured } from "./measure.ts";

const first = { number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z" };
const second = { number: 2, jobName: "run-2", startedAt: "2026-01-02T03:04:00Z" };
const crashed = { ...first, endedAt: "2026-01-02T03:03:00Z", outcome: "Failed", reason: "Crashed" } as const;
const progressAt = (updatedAt: string) => ({ progress: { updatedAt } });
const done = succeeded(aRun(aPinnedJob())).status!;
const { results } = done;

interface Case {
  name: string;
  before: FineTuneRunStatus;
  after: FineTuneRunStatus;
  events: Measured[];
}

const cases: readonly Case[] = [
  { name: "a new attempt measures nothing", before: {}, after: { state: "Pending", attempts: [first] }, events: [] },
  {
    name: "a pod that begins to run measures the wait since the attempt's start",
    before: { state: "Pending", attempts: [second] },
    after: { state: "Training", attempts: [second] },
    events: [{ kind: "Started", queueSeconds: 5 }],
  },
  {
    name: "a training that continues measures no second start",
    before: { state: "Training", attempts: [second] },
    after: { state: "Training", attempts: [second] },
    events: [],
  },
  {
    name: "a pod that a queue interrupted and admitted again measures no second start",
    before: { state: "Queued", attempts: [first], ...progressAt("2026-01-02T03:02:00Z") },
    after: { state: "Training", attempts: [first] },
    events: [],
  },
  {
    name: "the progress of an earlier attempt does not hide the start of the next one",
    before: { state: "Pending", attempts: [crashed, second], ...progressAt("2026-01-02T03:02:00Z") },
    after: { state: "Training", attempts: [crashed, second] },
    events: [{ kind: "Started", queueSeconds: 5 }],
  },
  {
    name: "a failed attempt is counted by outcome and reason",
    before: { state: "Training", attempts: [first] },
    after: { state: "Pending", attempts: [crashed] },
    events: [{ kind: "AttemptEnded", outcome: "Failed", reason: "Crashed" }],
  },
  {
    name: "an attempt that had ended before is not counted again",
    before: { state: "Pending", attempts: [crashed] },
    after: { state: "Pending", attempts: [crashed, second] },
    events: [],
  },
  {
    name: "a finished training measures its results once",
    before: { state: "Training", attempts: [first] },
    after: { ...done, attempts: [first] },
    events: [{ kind: "Trained", results: results! }],
  },
  { name: "a run that had succeeded before measures nothing", before: done, after: done, events: [] },
];

for (const { name, before, after, events } of cases)
  test(name, () => assert.deepEqual(measured(before, after, now), events));
