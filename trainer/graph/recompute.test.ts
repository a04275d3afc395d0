import assert from "node:assert/strict";
import { test } from "node:test";
import { declare } from "../compile/compile.ts";
import { microGraph } from "../compile/stages.ts";
import { type Node, readsOf, tensorsOf } from "./graph.ts";
import { recompute } from "./recompute.ts";
import type { Tensor } from "./tensor.ts";
import { aSpec, tinyLora } from "./testing.ts";

const { nodes } = microGraph(declare(aSpec({ method: tinyLora })).parts, 12, 12);

/** Activations that the forward nodes of a block write and any backward node reads. */
function kept(of: readonly Node[], block: number): Tensor[] {
  const written = new Set(
    of.flatMap((node) => (!node.backward && node.block === block ? tensorsOf(node.outputs) : [])),
  );
  const read = new Set(of.flatMap((node) => (node.backward ? readsOf(node) : [])));
  return [...written].filter((tensor) => read.has(tensor));
}

test("of a recomputed block only its output is kept, as the next one's input", () => {
  assert(kept(nodes, 0).length > 10);
  assert.deepEqual(
    kept(recompute(nodes, new Set([0])), 0).map(({ name }) => name),
    [nodes.findLast(({ backward, block }) => !backward && block === 0)?.outputs.y?.name],
  );
});

test("a recomputed block runs again once, right before its backward, without what its backward does not read", () => {
  const made = recompute(nodes, new Set([1]));
  const clones = made.filter((node) => node.backward && node.block === 1 && node.op.name === "attention");
  assert.equal(clones.length, 1);
  const forward = nodes.filter(({ backward, block }) => !backward && block === 1).length;
  assert(made.length < nodes.length + forward, "the last linear of a block is not needed again");
  assert(made.length > nodes.length);
});

test("blocks that are kept stay as they are", () => {
  assert.deepEqual(recompute(nodes, new Set()), nodes);
});
