/** The loss that an op adds, and its gradient by the op's own rule and by central differences, in double precision. */
import assert from "node:assert/strict";
import { differentiate } from "../compile/differentiate.ts";
import { Graph } from "../graph/graph.ts";
import type { DataType, Tensor } from "../graph/tensor.ts";
import { cast } from "../ops/cast/op.ts";
import { centralDifferences, GraphRunner } from "./graphs.ts";

export interface LossOp {
  /** Data type of the differentiated vector `x`. */
  readonly dtype: DataType;
  readonly at: readonly number[];
  readonly inputs: Readonly<Record<string, { readonly dtype: DataType; readonly values: readonly number[] }>>;
  build(graph: Graph, tensors: Readonly<Record<string, Tensor>>): void;
}

export async function lossGradient({ dtype, at, inputs, build }: LossOp) {
  const x: Tensor = { name: "x", role: "input", dtype, storage: "dense", shape: [at.length] };
  const graph = new Graph([x]);
  graph.inputs.set("x", x);
  const tensors: Record<string, Tensor> = { x, loss: graph.input("loss", "F64", [1]) };
  for (const [name, input] of Object.entries(inputs)) {
    tensors[name] = graph.input(name, input.dtype, [input.values.length]);
  }
  build(graph, tensors);
  const gradient = differentiate(graph, new Map())(x);
  assert(gradient, "x gets no gradient");
  const copy = graph.activation("gradient", x);
  cast.into(graph, { x: gradient }, { scale: 1 }, { y: copy });
  graph.output("gradient", copy);
  const runner = new GraphRunner(graph);
  const values = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.values]));
  const made = await runner.run({ ...values, x: at });
  const numeric = await centralDifferences(at, async (moved) => (await runner.run({ ...values, x: moved })).loss![0]!);
  runner.close();
  return { loss: made.loss![0]!, analytic: made.gradient!, numeric };
}
