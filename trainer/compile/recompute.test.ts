import assert from "node:assert/strict";
import { test } from "node:test";
import { type Node, readsOf, tensorsOf } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { aSpec, tinyLora } from "../testing/compiledRun.ts";
import { declare } from "./compile.ts";
import { microGraph } from "./programs.ts";
import { recompute } from "./recompute.ts";

const { nodes } = microGraph(declare(aSpec({ method: tinyLora })).parts, 12, 12);

/** Activations that the forward nodes of a block write and any backward node reads. */
function kept(of: readonly Node[], block: number): Tensor[] {
  const written = new Set(
    of.flatMap((node) => (!node.backward && node.block === block ? tensorsOf(node.outputs) : [])),
  );
  const read = new Set(of.flatMap((node) => (node.backward ? readsOf(node) : [])));
  return [...written].filter((tensor) => read.has(tensor));
}

test("a recomputed block keeps only its output, as the next block's input", () => {
  assert(kept(nodes, 0).length > 10);
  assert.deepEqual(
    kept(recompute(nodes, new Set([0])), 0).map(({ name }) => name),
    [nodes.findLast(({ backward, block }) => !backward && block === 0)?.outputs.y?.name],
  );
});

test("a recomputed block runs again once, directly before its backward pass, without unread values", () => {
  const made = recompute(nodes, new Set([1]));
  const inBlock = (node: Node) => node.block === 1;
  const clones = made.filter(inBlock).length - nodes.filter(inBlock).length;
  const forward = nodes.filter((node) => inBlock(node) && !node.backward).length;
  assert.equal(clones, forward - 1, "all but the last linear of the block");
  assert.equal(made.filter((node) => inBlock(node) && node.op.name === "attention").length, 2);
});

test("without recomputing the graph is unchanged", () => {
  assert.deepEqual(recompute(nodes, new Set()), nodes);
});

test("a block above the recomputed ones recomputes norms and gates but no product", () => {
  const made = recompute(nodes, new Set([0]));
  const forwardOps = (block: number) =>
    made
      .filter((node) => node.backward && node.block === block)
      .filter(({ op }) => /^(linear|rope|attention|rmsNorm|glu)$/.test(op.name));
  const again = forwardOps(1).filter(({ outputs }) =>
    Object.values(outputs).some((tensor) => tensor?.name.endsWith("again")),
  );
  assert.deepEqual(
    again.map(({ op }) => op.name),
    ["rmsNorm", "rmsNorm", "glu"],
  );
});
