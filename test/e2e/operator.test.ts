/**
 * The operator end to end, on a real cluster of this machine. One file, so that the cluster is started once; the parts
 * come in the order of a reader's interest, and the last one uninstalls the operator.
 */
import { after, before, describe } from "node:test";
import { Bench } from "./bench.ts";
import { chartTests } from "./chart.ts";
import { lifeTests } from "./life.ts";
import { quickstartTests } from "./quickstart.ts";
import { refusalTests } from "./refusals.ts";
import { roadTests } from "./road.ts";
import { silentNodeTests } from "./silentNode.ts";
import { sameBytesTest, storeTests } from "./stores.ts";
import { imageTests, waysOutTests } from "./waysOut.ts";

let bench: Bench | undefined;
const started = () => {
  if (bench === undefined) throw new Error("the cluster did not start");
  return bench;
};

before(async () => {
  bench = await Bench.start();
});
after(() => bench?.stop());

/** Tests in a part come one after the other, also in parts that run side by side. */
const inOrder = { concurrency: 1 };

// Two trainings compute; beside them the parts that mostly wait. None of these disturbs another.
describe("side by side", { concurrency: 3 }, () => {
  describe("the quickstart", inOrder, () => quickstartTests(started));
  describe("the quickstart without a claim", inOrder, () => storeTests(started));
  describe("meanwhile", inOrder, () => {
    describe("in namespaces of their own", { concurrency: 2 }, () => {
      describe("wrong input", inOrder, () => refusalTests(started));
      describe("ways out", inOrder, () => waysOutTests(started));
    });
    describe("the road", inOrder, () => roadTests(started));
    describe("a silent node", inOrder, () => silentNodeTests(started));
  });
});
describe("two quickstarts", () => sameBytesTest(started));
describe("a disturbed life", () => lifeTests(started));
describe("an image that cannot be pulled", inOrder, () => imageTests(started));
describe("the chart", () => chartTests(started));
