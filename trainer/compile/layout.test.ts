import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileSpec } from "../graph/compiled.ts";
import { Graph, type Node, readsOf, tensorsOf } from "../graph/graph.ts";
import { aligned, alignment, bytesOf, type Tensor } from "../graph/tensor.ts";
import { add } from "../ops/add/op.ts";
import { glu } from "../ops/glu/op.ts";
import { gluBackward } from "../ops/gluBackward/op.ts";
import { aSpec, tinyLora } from "../testing/compiledRun.ts";
import { declare } from "./compile.ts";
import { layOut } from "./layout.ts";
import { microGraph } from "./programs.ts";
import { recompute } from "./recompute.ts";

const spec = (method: CompileSpec["method"]) => aSpec({ method, rowTokens: 64, precision: "BF16" });
const nothing: ReadonlySet<Tensor> = new Set();

/** First write and last use of every activation. */
function lifetimes(nodes: readonly Node[]): Map<Tensor, { first: number; last: number }> {
  const lives = new Map<Tensor, { first: number; last: number }>();
  nodes.forEach((node, index) => {
    for (const tensor of [...readsOf(node), ...tensorsOf(node.outputs)]) {
      if (tensor.role === "activation") lives.set(tensor, { first: lives.get(tensor)?.first ?? index, last: index });
    }
  });
  return lives;
}

/** Pairs of tensors that share a byte while both are alive; in place, one may end where the other begins. */
function conflicts(nodes: readonly Node[], offsets: ReadonlyMap<Tensor, number>): string[] {
  const lives = [...lifetimes(nodes)];
  const overlaps = (a: Tensor, b: Tensor) => {
    const [startA = 0, startB = 0] = [offsets.get(a), offsets.get(b)];
    return startA < startB + bytesOf(b) && startB < startA + bytesOf(a);
  };
  const inPlace = (first: Tensor, second: Tensor, at: number) =>
    nodes[at]?.op.inPlace.some(
      ([out, input]) => nodes[at]?.outputs[out] === second && nodes[at]?.operands[input] === first,
    );
  return lives.flatMap(([a, lifeA]) =>
    lives.flatMap(([b, lifeB]) => {
      const together = a !== b && lifeA.first <= lifeB.first && lifeB.first <= lifeA.last;
      const handedOver = lifeB.first === lifeA.last && inPlace(a, b, lifeB.first);
      return together && !handedOver && overlaps(a, b) ? [`${a.name} and ${b.name}`] : [];
    }),
  );
}

for (const method of [{ kind: "full" } as const, { ...tinyLora, dropout: 0.1 }]) {
  test(`${method.kind}: no two live tensors share a byte, with and without recomputing`, () => {
    const { nodes } = microGraph(declare(spec(method)).parts, 64, 64);
    for (const blocks of [[], [0], [0, 1]]) {
      const made = recompute(nodes, new Set(blocks));
      const { offsets, bytes } = layOut(made, nothing);
      assert.deepEqual(conflicts(made, offsets), []);
      for (const [tensor, offset] of offsets) {
        assert.equal(offset % alignment, 0);
        assert(offset + bytesOf(tensor) <= bytes);
      }
    }
  });

  test(`${method.kind}: the arena is within a tenth of the most that is alive at once`, () => {
    const { nodes } = microGraph(declare(spec(method)).parts, 64, 64);
    const lives = [...lifetimes(nodes)];
    const alive = nodes.map((_, index) =>
      lives
        .filter(([, { first, last }]) => first <= index && index <= last)
        .reduce((sum, [tensor]) => sum + aligned(bytesOf(tensor)), 0),
    );
    assert(layOut(nodes, nothing).bytes < 1.1 * Math.max(...alive));
  });
}

test("an output reuses the memory of an input only if no later node reads the input", () => {
  const graph = new Graph();
  const x = graph.input("x", "F32", [8, 8]);
  const made = () => add.node(graph, { a: x, b: x }, {}).y;
  const [gate, up, dy] = [made(), made(), made()];
  const y = glu.node(graph, { gate, up }, { activation: 0 }).y;
  const { dGate, dUp } = gluBackward.node(graph, { dy, gate, up }, { activation: 0 });
  add.node(graph, { a: dGate, b: add.node(graph, { a: up, b: add.node(graph, { a: dUp, b: y }, {}).y }, {}).y }, {});
  const { offsets } = layOut(graph.nodes, nothing);
  assert.equal(offsets.get(dGate), offsets.get(gate));
  assert.notEqual(offsets.get(dUp), offsets.get(up), "up is read again");
});

test("every tensor of the arena is released once, after its last use", () => {
  const { nodes } = microGraph(declare(spec({ kind: "full" })).parts, 64, 64);
  const { released, offsets } = layOut(nodes, nothing);
  const lives = lifetimes(nodes);
  const all = released.flatMap((tensors, index) => tensors.map((tensor) => ({ tensor, index })));
  for (const { tensor, index } of all) assert.equal(lives.get(tensor)?.last, index);
  assert.equal(new Set(all.map(({ tensor }) => tensor)).size, all.length);
  const handedOver = offsets.size - all.length;
  assert(handedOver > 0 && handedOver < offsets.size / 4, `${handedOver} of ${offsets.size} continue in place`);
});
