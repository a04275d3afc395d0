/** Makes plans in a separate thread, so that a hostile model configuration cannot stall or exhaust the operator. */
import { parentPort } from "node:worker_threads";
import { type PlanInput, plan, type Plan as TrainerPlan } from "../../trainer/planning/plan.ts";

export type PlanQuestion = PlanInput;

type Figures = Pick<
  TrainerPlan,
  | "trainableParameters"
  | "totalParameters"
  | "predictedPeakBytes"
  | "checkpointBytes"
  | "stagedBytes"
  | "microRows"
  | "recomputedBlocks"
  | "steps"
  | "fits"
>;

export type PlanAnswer =
  | { kind: "planned"; figures: Figures; nearestFit: TrainerPlan["nearestFit"] }
  | { kind: "refused"; message: string }
  /** No answer; a retry may succeed. */
  | { kind: "broken"; message: string };

/** The plan's figures, without the parts too large for a status: programs, sites, each category of memory. */
function figuresOf(made: TrainerPlan): Figures {
  const { trainableParameters, totalParameters, predictedPeakBytes, checkpointBytes, stagedBytes } = made;
  const { microRows, recomputedBlocks, steps, fits } = made;
  return {
    ...{ trainableParameters, totalParameters, predictedPeakBytes, checkpointBytes, stagedBytes },
    ...{ microRows, recomputedBlocks, steps, fits },
  };
}

function answer(question: PlanQuestion): PlanAnswer {
  try {
    const made = plan(question);
    return { kind: "planned", figures: figuresOf(made), nearestFit: made.nearestFit };
  } catch (error) {
    return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (question: PlanQuestion) => parentPort?.postMessage(answer(question)));
