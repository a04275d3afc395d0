/**
 * Lives of a FineTuneJob under faults, on one real cluster. The first life is undisturbed, and its writes are listed; then each
 * of these writes has two lives, one cut before it and one cut after it; then each other fault has one life.
 */
import type { Report, Stage } from "../../terminal/stages.ts";
import { Bench } from "../e2e/bench.ts";
import type { Plan } from "../faults/faultProxy.ts";
import { type Lived, lead } from "../faults/life.ts";
import { contend, cutAt, cutShare, listWrites, tearWatches, throttle, type Write, whens } from "../faults/plans.ts";

/** Throttled requests are retried after a wait: a life at 30 % takes several times as long as a healthy one. */
const patienceSeconds = 3_600;
/** Lives in parallel: a life mostly waits for its pods. */
const atATime = 4;

interface Trouble {
  name: string;
  title: string;
  plan(seed: number): Plan;
}

const throttled = (percent: number): Trouble => ({
  name: `throttled-${percent}`,
  title: `429, 500 or 503 for ${percent} % of requests`,
  plan: (seed) => throttle({ seed, share: percent / 100 }),
});

const troubles: readonly Trouble[] = [
  {
    name: "cut",
    title: "ended before and after every write, in one life",
    plan: (seed) => cutShare({ seed, share: 1 }),
  },
  ...[1, 10, 30].map(throttled),
  { name: "torn", title: "every watch breaks within 5 s", plan: (seed) => tearWatches({ seed, silent: false }) },
  { name: "silent", title: "the first watches fall silent", plan: (seed) => tearWatches({ seed, silent: true }) },
  {
    name: "contended",
    title: "another writer comes first before half of the writes",
    plan: (seed) => contend({ seed, share: 0.5 }),
  },
];

interface Moment {
  write: Write;
  when: (typeof whens)[number];
}

const momentText = ({ write: { what, ordinal }, when }: Moment) => `${when} ${what} no. ${ordinal + 1}`;

class Lives {
  #bench: Bench | undefined;
  /** Writes of the undisturbed life, in order. */
  readonly #writes: Write[] = [];

  async start(): Promise<undefined> {
    this.#bench = await Bench.start({ name: "soak", operator: false });
    return undefined;
  }

  async stop(): Promise<void> {
    await this.#bench?.stop();
  }

  async lead(name: string, plan: Plan): Promise<Lived> {
    if (this.#bench === undefined) throw new Error("the cluster did not start");
    const lived = await lead(this.#bench, name, plan, patienceSeconds);
    await this.#bench.cluster.kubectl(["delete", "namespace", name, "--wait=false"]);
    return lived;
  }

  async undisturbed(): Promise<string> {
    const lived = await this.lead(
      "calm",
      listWrites((write) => this.#writes.push(write)),
    );
    return `${livedText(lived)}; ${this.#writes.length} of the writes are the operator's`;
  }

  /** Reports how many of the moments occurred: the number of status writes depends on the timing of the pods' reports. */
  async cutOneByOne(report: Report): Promise<string> {
    const moments = this.#writes.flatMap((write) => whens.map((when) => ({ write, when })));
    const left = [...moments.entries()];
    const missed: string[] = [];
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [index, moment] = next;
        const done = moments.length - left.length;
        report({ message: momentText(moment), fraction: done / moments.length });
        if (!(await this.#cutsAt(`cut-${index}`, moment))) missed.push(momentText(moment));
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
    const hit = moments.length - missed.length;
    const rest = missed.length === 0 ? "" : `; not reached: ${missed.join(", ")}`;
    return `${hit} of ${moments.length} moments, each in a separate life${rest}`;
  }

  /** Whether the life reached that moment; its result is checked in any case. */
  async #cutsAt(name: string, moment: Moment): Promise<boolean> {
    try {
      return (await this.lead(name, cutAt(moment.write, moment.when))).faults.length > 0;
    } catch (error) {
      throw new Error(`cut ${momentText(moment)}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

const livedText = ({ faults, starts, seconds, writes }: Lived) =>
  `${faults.length} faults, ${starts} starts, ${writes} writes, ${Math.round(seconds)} s from apply to Ready`;

export function operatorStages(seed: number): { stages: Stage[]; close(): Promise<void> } {
  const lives = new Lives();
  const stages: Stage[] = [
    {
      title: "a cluster with only the CRDs",
      run(report) {
        report({ message: "starting" });
        return lives.start();
      },
    },
    {
      title: "no fault, for comparison",
      run(report) {
        report({ message: "from apply to a verified export" });
        return lives.undisturbed();
      },
    },
    { title: "ended before or after each of these writes", run: (report) => lives.cutOneByOne(report) },
    ...troubles.map(
      ({ name, title, plan }): Stage => ({
        title,
        async run(report) {
          report({ message: "from apply to a verified export" });
          return livedText(await lives.lead(name, plan(seed)));
        },
      }),
    ),
  ];
  return { stages, close: () => lives.stop() };
}
