import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { attention } from "../attention/op.ts";
import { cacheAppend } from "../cacheAppend/op.ts";
import { attentionCached } from "./op.ts";

const heads = { heads: 4, kvHeads: 2, headDim: 4, scale: 0.5 };

test("attentionCached: with a window a row sees the last keys, as attention does from a later start", async () => {
  const graph = new Graph();
  const row = (name: string, width: number) => graph.input(name, "F64", [6, width]);
  const [q, k, v] = [row("q", 16), row("k", 8), row("v", 8)];
  const index = (name: string) => graph.input(name, "I32", [6]);
  const [slot, position] = [index("slot"), index("position")];
  const cache = (name: string) => graph.input(name, "F64", [1, 6, 8]);
  const [cacheK, cacheV] = [cache("cacheK"), cache("cacheV")];
  cacheAppend.node(graph, { k, v, slot, position, cacheK, cacheV }, {});
  const windowed = { ...heads, window: 3, softcap: 0.7 };
  graph.output("cached", attentionCached.node(graph, { q, cacheK, cacheV, slot, position }, windowed).o);
  const packed = { ...heads, softcap: 0.7 };
  graph.output("packed", attention.node(graph, { q, k, v, segmentStart: index("segmentStart") }, packed).o);
  const runner = new GraphRunner(graph);
  const values = await runner.run({
    q: randomValues(96, 1),
    k: randomValues(48, 2),
    v: randomValues(48, 3),
    slot: [0, 0, 0, 0, 0, 0],
    position: [0, 1, 2, 3, 4, 5],
    segmentStart: [0, 0, 0, 1, 2, 3],
  });
  runner.close();
  assert(relativeError(values.cached!, values.packed!) < 1e-12);
});

test("attentionCached: rows of two sequences, in any order, give the results of attention over their segments", async () => {
  const graph = new Graph();
  const row = (name: string, width: number) => graph.input(name, "F64", [5, width]);
  const [q, k, v] = [row("q", 16), row("k", 8), row("v", 8)];
  const index = (name: string) => graph.input(name, "I32", [5]);
  const [slot, position] = [index("slot"), index("position")];
  const cache = (name: string) => graph.input(name, "F64", [3, 4, 8]);
  const [cacheK, cacheV] = [cache("cacheK"), cache("cacheV")];
  cacheAppend.node(graph, { k, v, slot, position, cacheK, cacheV }, {});
  graph.output("cached", attentionCached.node(graph, { q, cacheK, cacheV, slot, position }, heads).o);
  graph.output("packed", attention.node(graph, { q, k, v, segmentStart: index("segmentStart") }, heads).o);
  const runner = new GraphRunner(graph);
  const {
    cached,
    packed,
    cacheK: filled,
  } = await runner.run({
    q: randomValues(80, 1),
    k: randomValues(40, 2),
    v: randomValues(40, 3),
    slot: [2, 2, 0, 0, -1],
    position: [0, 1, 0, 1, 0],
    segmentStart: [0, 0, 2, 2, 4],
  });
  runner.close();
  assert(relativeError(cached!.subarray(0, 64), packed!.subarray(0, 64)) < 1e-12);
  assert(
    cached!.subarray(64).every((value) => value === 0),
    "slot −1 gives zeros",
  );
  assert(
    filled!.subarray(32, 64).every((value) => value === 0),
    "slot 1 stays unwritten",
  );
});
