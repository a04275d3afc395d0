/** One plan in a thread of its own: a hostile model configuration can neither stall nor exhaust the operator. */
import { parentPort } from "node:worker_threads";
import { plan } from "../../trainer/plan.ts";
import type { PlanAnswer, PlanQuestion } from "./planner.ts";

function answer(question: PlanQuestion): PlanAnswer {
  try {
    const {
      trainableParameters,
      totalParameters,
      predictedPeakBytes,
      microRows,
      recomputedBlocks,
      steps,
      fits,
      nearestFit,
    } = plan(question);
    return {
      kind: "planned",
      figures: { trainableParameters, totalParameters, predictedPeakBytes, microRows, recomputedBlocks, steps, fits },
      nearestFit,
    };
  } catch (error) {
    return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (question: PlanQuestion) => parentPort?.postMessage(answer(question)));
