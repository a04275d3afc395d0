/**
 * Combines several runs of node:test into one report: their events one after another, and one final summary with the sums.
 * The names of failed tests are repeated just before it, so that the end of a log shows the failures.
 */
import type { TestEvent } from "node:test/reporters";

type Events = AsyncIterable<TestEvent>;

/** The events of the runs, each started when the one before has ended. */
export async function* inTurn(runs: readonly (() => Events)[]): AsyncGenerator<TestEvent, void> {
  const sums = new Map<string, number>();
  const failed: string[] = [];
  let planned = 0;
  for (const start of runs) {
    for await (const event of start()) {
      const closing = closingFigure(event);
      if (closing !== undefined) sums.set(closing.name, (sums.get(closing.name) ?? 0) + closing.value);
      else if (isClosingPlan(event)) planned += event.data.count;
      else if (event.type !== "test:summary") yield event;
      if (event.type === "test:fail" && isLeaf(event)) failed.push(failureText(event));
    }
  }
  yield { type: "test:plan", data: { nesting: 0, count: planned } };
  for (const name of failed) yield diagnostic(`failed: ${name}`, "error");
  for (const [name, sum] of sums) yield diagnostic(`${name} ${sum}`, "info");
}

function diagnostic(message: string, level: "info" | "error"): TestEvent {
  return { type: "test:diagnostic", data: { nesting: 0, message, level } };
}

/** "pass 12" at the end of a run, which belongs to no file. */
function closingFigure(event: TestEvent): { name: string; value: number } | undefined {
  if (event.type !== "test:diagnostic" || event.data.file !== undefined || event.data.nesting !== 0) return undefined;
  const [, name, value] = event.data.message.match(/^(\w+) ([\d.]+)$/) ?? [];
  return name === undefined || value === undefined ? undefined : { name, value: Number(value) };
}

function isClosingPlan(event: TestEvent): event is TestEvent & { type: "test:plan" } {
  return event.type === "test:plan" && event.data.nesting === 0 && event.data.file === undefined;
}

type Failure = TestEvent & { type: "test:fail" };

/** Does not name a test that failed only because of a nested test. */
function isLeaf({ data }: Failure): boolean {
  const error: Error & { failureType?: string } = data.details.error;
  return error.failureType !== "subtestsFailed";
}

function failureText({ data }: Failure): string {
  return data.file === undefined ? data.name : `${data.name} (${data.file}:${data.line ?? 1})`;
}
