/**
 * Tests the operator end to end, on a real cluster of this machine. All parts are in one file, so that the cluster is started
 * once; the last part uninstalls the operator.
 */
import { after, before, describe } from "node:test";
import { Bench } from "./bench.ts";
import { chartTests } from "./chart.ts";
import { fixTests, imageTests } from "./fixes.ts";
import { gpuTests } from "./gpu.ts";
import { lifeTests } from "./life.ts";
import { quickstartTests } from "./quickstart.ts";
import { refusalTests } from "./refusals.ts";
import { roadTests } from "./road.ts";
import { silentNodeTests } from "./silentNode.ts";
import { sameBytesTest, storeTests } from "./stores.ts";

let bench: Bench | undefined;
const started = () => {
  if (bench === undefined) throw new Error("the cluster did not start");
  return bench;
};

before(async () => {
  bench = await Bench.start();
});
after(() => bench?.stop());

/** The tests of a part run one after another, also in parts that run in parallel. */
const inOrder = { concurrency: 1 };

// Two trainings compute, in parallel with parts that mostly wait. None of these disturbs another part or the node.
describe("in parallel", { concurrency: 3 }, () => {
  describe("the quickstart", inOrder, () => quickstartTests(started));
  describe("the quickstart without a claim", inOrder, () => storeTests(started));
  describe("meanwhile", inOrder, () => {
    describe("in separate namespaces", { concurrency: 2 }, () => {
      describe("invalid input", inOrder, () => refusalTests(started));
      describe("fixes", inOrder, () => fixTests(started));
    });
    describe("from apply to export", inOrder, () => roadTests(started));
    describe("an emulated GPU", inOrder, () => gpuTests(started));
  });
});
describe("two quickstarts", () => sameBytesTest(started));
describe("a disturbed life", () => lifeTests(started));
// Alone: every pod of the cluster is on the node that it pauses.
describe("a silent node", inOrder, () => silentNodeTests(started));
describe("an image that cannot be pulled", inOrder, () => imageTests(started));
describe("the chart", () => chartTests(started));
