import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileSpec } from "../graph/compiled.ts";
import { Graph, type Node } from "../graph/graph.ts";
import { plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { linearCrossEntropy } from "../ops/linearCrossEntropy/op.ts";
import { rope } from "../ops/rope/op.ts";
import { aSpec, tinyLora } from "../testing/compiledRun.ts";
import { declare } from "./compile.ts";
import { differentiate } from "./differentiate.ts";
import { microGraph } from "./programs.ts";

const nodesOf = (method: CompileSpec["method"]) => microGraph(declare(aSpec({ method })).parts, 12, 12).nodes;

function countOf(nodes: readonly Node[], op: string, test: (node: Node) => boolean = () => true): number {
  return nodes.filter((node) => node.op.name === op && test(node)).length;
}

const dropped = { ...tinyLora, dropout: 0.5 };

test("no gradient of a frozen matrix is formed", () => {
  const nodes = nodesOf(tinyLora);
  const into = nodes.filter(({ op }) => op.name === "gradWeight").map(({ operands }) => operands.dW?.name);
  assert.equal(into.length, 2 * 7 * 2, "A and B of seven layers in two blocks");
  assert(into.every((name) => name?.includes("lora_")));
  assert.equal(
    countOf(nodes, "rmsNormBackward", ({ operands }) => operands.dWeight !== undefined),
    0,
  );
  assert.equal(countOf(nodes, "embedBackward"), 0);
});

test("no gradient flows below the lowest trained layer", () => {
  const lowest = (nodes: readonly Node[]) => nodes.filter(({ backward, block }) => backward && block === 0);
  const topOnly = nodesOf({ ...tinyLora, targetModules: ["1.mlp.down_proj"] });
  assert.deepEqual(lowest(topOnly), []);
  assert.equal(countOf(topOnly, "attentionBackward"), 0);
  // The first block's input needs no gradient, so its norm has no backward op.
  assert.equal(countOf(lowest(nodesOf(tinyLora)), "rmsNormBackward"), 1);
});

test("an adapter is fused into its layer, forward and backward, at every site", () => {
  const nodes = nodesOf(tinyLora);
  const tailed = ({ operands }: Node) => operands.tailX !== undefined;
  assert.equal(countOf(nodes, "linear", tailed), 14);
  // The first block's q, k and v pass no gradient on; everywhere else the two products are one.
  assert.equal(countOf(nodes, "linearInput", tailed), 11);
  assert.equal(
    countOf(nodes, "linearInput", (node) => !tailed(node)),
    14,
    "the gradient to A's output, at each site",
  );
  assert.equal(countOf(nodes, "add"), 0, "every sum is part of another op");
});

test("with full training every matrix gets one gradient, and tied embeddings get both of theirs", () => {
  const nodes = nodesOf({ kind: "full" });
  assert.equal(countOf(nodes, "gradWeight"), 14);
  assert.equal(countOf(nodes, "rmsNormBackward"), 5);
  assert.equal(countOf(nodes, "add"), 0);
  const embedding = nodes.find(({ op }) => op.name === "embedBackward")?.operands.dWeight;
  assert.equal(nodes.find(({ op }) => op.name === "linearCrossEntropy")?.operands.dW, embedding);
});

test("layers that read the same tensor share one dropout mask", () => {
  const masks = nodesOf(dropped).filter(({ op, backward }) => op.name === "dropout" && !backward);
  assert.equal(masks.length, 2 * 4, "for q, k and v; o; gate and up; down, in two blocks");
  assert.deepEqual(
    masks.map(({ attributes }) => attributes.tensorId),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test("an op that would lose a parameter's gradient is refused when the graph is differentiated", () => {
  const facts = { dtype: "F32", storage: "dense", shape: [2, 4] } as const;
  const theta: Tensor = { ...facts, name: "theta", role: "parameter" };
  const gradient: Tensor = { ...facts, name: "theta.gradient", role: "gradient" };
  const accumulators = new Map([[theta, { gradient, scale: 1 }]]);
  const graph = new Graph(accumulators.keys());
  const [x, sin] = [graph.input("x", "F32", [2, 8]), graph.input("sin", "F32", [2, 4])];
  const h = rope.node(graph, { x, cos: theta, sin }, { heads: 1, headDim: 8, sign: 1 }).y;
  const w = { ...facts, name: "w", role: "frozen", shape: [3, 8] } as const;
  const target = graph.input("target", "I32", [2]);
  const lossWeight = graph.input("lossWeight", "F32", [2]);
  const loss = graph.input("loss", "F64", [1]);
  linearCrossEntropy.node(graph, { h, w, target, lossWeight, loss }, {}, ["dh"]);
  assert.throws(() => differentiate(graph, accumulators), /rope forms no gradient of cos, and theta is a parameter/);
});

test("every node reads only tensors that an earlier node wrote", () => {
  for (const method of [{ kind: "full" } as const, tinyLora, dropped]) {
    const written = new Set<unknown>();
    for (const { op, operands, outputs } of nodesOf(method)) {
      for (const name of op.inputs) {
        const tensor = operands[plain(name)];
        assert(tensor?.role !== "activation" || written.has(tensor), `${op.name} reads ${tensor?.name} too early`);
      }
      for (const tensor of Object.values(outputs)) written.add(tensor);
    }
  }
});
