import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { glu } from "../glu/op.ts";
import { sliceColumns } from "./op.ts";

test("sliceColumns: the gradients of two parts of one tensor meet in it, and columns that nobody reads get none", () =>
  assertGradients({
    inputs: { x: [4, 11] },
    build: (graph, { x }) => {
      const gate = sliceColumns.node(graph, { x: x! }, { before: 0, width: 4, after: 7 }).y;
      const up = sliceColumns.node(graph, { x: x! }, { before: 6, width: 4, after: 1 }).y;
      return glu.node(graph, { gate, up }, { activation: 0 });
    },
  }));
