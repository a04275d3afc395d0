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
import { storeTests } from "./stores.ts";
import { worldTests } from "./world.ts";

let bench: Bench | undefined;
const started = () => {
  if (bench === undefined) throw new Error("the cluster did not start");
  return bench;
};

before(async () => {
  bench = await Bench.start();
});
after(() => bench?.stop());

describe("the quickstart", () => quickstartTests(started));
describe("the road", () => roadTests(started));
describe("remote stores", () => storeTests(started));
describe("wrong input", () => refusalTests(started));
describe("a wrong state of the world", () => worldTests(started));
describe("a disturbed life", () => lifeTests(started));
describe("the chart", () => chartTests(started));
