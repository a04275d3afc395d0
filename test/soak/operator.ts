/** Lives of a FineTuneJob under faults, each on its own, all on one real cluster. */
import type { Stage } from "../../cli/ui/stages.ts";
import { Bench } from "../e2e/bench.ts";
import type { Plan } from "../faults/faultProxy.ts";
import { lead } from "../faults/life.ts";
import { contend, cutWrites, tearWatches, throttle } from "../faults/plans.ts";

/** Throttled requests are waited for: a life at 30 % takes a multiple of a healthy one's time. */
const patienceSeconds = 3_600;

interface Trouble {
  name: string;
  title: string;
  plan(seed: number): Plan;
}

const throttled = (percent: number): Trouble => ({
  name: `throttled-${percent}`,
  title: `${percent} % of requests answered by 429, 500, 503`,
  plan: (seed) => throttle({ seed, share: percent / 100 }),
});

const troubles: readonly Trouble[] = [
  { name: "calm", title: "nothing, for comparison", plan: () => () => undefined },
  {
    name: "cut",
    title: "ended before and after every write",
    plan: (seed) => cutWrites({ seed, share: 1 }),
  },
  ...[1, 10, 30].map(throttled),
  { name: "torn", title: "every watch broken off within 5 s", plan: (seed) => tearWatches({ seed, silent: false }) },
  { name: "silent", title: "the first watches fall silent", plan: (seed) => tearWatches({ seed, silent: true }) },
  { name: "contended", title: "half of the writes after another's", plan: (seed) => contend({ seed, share: 0.5 }) },
];

export function operatorStages(seed: number): { stages: Stage[]; close(): Promise<void> } {
  let bench: Bench | undefined;
  const cluster: Stage = {
    title: "a cluster with the definitions alone",
    async run(report) {
      report({ message: "starting" });
      bench = await Bench.start({ name: "soak", operator: false });
      return undefined;
    },
  };
  const lives = troubles.map(
    ({ name, title, plan }): Stage => ({
      title,
      async run(report) {
        if (bench === undefined) throw new Error("the cluster did not start");
        report({ message: "from apply to a verified export" });
        const { faults, starts, seconds, writes } = await lead(bench, name, plan(seed), patienceSeconds);
        return `${faults.length} faults, ${starts} starts, ${writes} writes, ${Math.round(seconds)} s from apply to Ready`;
      },
    }),
  );
  return { stages: [cluster, ...lives], close: async () => bench?.stop() };
}
