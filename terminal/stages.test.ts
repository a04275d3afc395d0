import assert from "node:assert/strict";
import { test } from "node:test";
import { createScreen } from "./screen.ts";
import { runStages, stageBlock } from "./stages.ts";

const state = { title: "build kubernetes", number: "3/9", seconds: 65, progress: { message: "etcd", fraction: 0.5 } };

test("the running stage shows its number, its time, a bar and its progress", () => {
  const [head, detail] = stageBlock(state).lines(100);
  assert.match(head ?? "", /^▸ {3}3\/9 {2}build kubernetes +1 min 05 s$/);
  assert.match(detail ?? "", /^ +█{10}░{10} {2}50 % {2}etcd$/);
  assert.equal(stageBlock(state).summary(), "[3/9 build kubernetes, 1 min 05 s]  50 %  etcd");
});

test("stages run in order and each prints a permanent line", async () => {
  const written: string[] = [];
  const order: string[] = [];
  const stage = (title: string, note?: string) => ({
    title,
    run: async () => {
      order.push(title);
      return note;
    },
  });
  await runStages(createScreen({ write: (text: string) => written.push(text) }), [stage("one"), stage("two", "warm")]);
  assert.deepEqual(order, ["one", "two"]);
  assert.match(written.join(""), /✓ +1\/2 {2}one .*\n(.|\n)*✓ +2\/2 {2}two .* warm\n/);
});

test("a failed stage ends the list with its error", async () => {
  const written: string[] = [];
  const never = { title: "after", run: async () => assert.fail("ran after a failure") };
  const failing = { title: "breaks", run: () => Promise.reject(new Error("no disk")) };
  const screen = createScreen({ write: (text: string) => written.push(text) });
  await assert.rejects(runStages(screen, [failing, never]), /no disk/);
  assert.match(written.join(""), /✗ +1\/2 {2}breaks/);
});

test("an abort between two stages keeps the next one from starting", async () => {
  const stopping = new AbortController();
  const stops = {
    title: "stops",
    run: async () => {
      stopping.abort(new Error("asked to stop"));
      return undefined;
    },
  };
  const never = { title: "after", run: async () => assert.fail("ran after a stop") };
  const screen = createScreen({ write: () => true });
  await assert.rejects(runStages(screen, [stops, never], { signal: stopping.signal }), /asked to stop/);
});
