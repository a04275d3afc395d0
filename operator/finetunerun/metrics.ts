/**
 * The metrics of fine-tunings, `luthier_*`. Cardinality is bounded: labels are namespaces, states, outcomes and at most
 * `mostReasons` reasons; none names an object. The gauges count cached objects at each scrape, and only in the leader, so
 * that a sum over replicas counts each object once. Counters and histograms grow after the status write of their event.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Caches } from "../shared/caches.ts";
import type { Measured } from "./measure.ts";

type Counted = Pick<Caches, "fineTuneJobs" | "fineTuneRuns">;

const minute = 60;
const hour = 60 * minute;
const durations = [1, 5, 15, minute, 5 * minute, 15 * minute, hour, 4 * hour, 12 * hour, 24 * hour, 72 * hour];
/** 256 MiB to 4 TiB. */
const sizes = Array.from({ length: 8 }, (_, index) => 2 ** (28 + 2 * index));
const ratios = [0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.5];

/** A pod's report may hold any reason: further ones are counted as Other. */
const mostReasons = 64;

export class FineTuningMetrics {
  readonly #reasons = new Set<string>();
  readonly #attempts: Counter<"namespace" | "outcome" | "reason">;
  readonly #resumes: Counter<"namespace">;
  readonly #tokens: Counter<"namespace">;
  readonly #queue: Histogram;
  readonly #training: Histogram;
  readonly #peak: Histogram<"source">;
  readonly #ratio: Histogram;

  constructor(registry: Registry, caches: Counted, leads: () => boolean) {
    const registers = [registry];
    gauges(registry, caches, leads);
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Counter({ name, help, labelNames, registers });
    const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: L[] = []) =>
      new Histogram({ name, help, buckets, labelNames, registers });
    this.#attempts = counter("luthier_attempts_total", "Ended attempts of FineTuneRuns", [
      "namespace",
      "outcome",
      "reason",
    ]);
    this.#resumes = counter("luthier_resumes_total", "Resumes of finished trainings from a checkpoint", ["namespace"]);
    this.#tokens = counter("luthier_trained_tokens_total", "Trained tokens of finished trainings", ["namespace"]);
    this.#queue = histogram(
      "luthier_queue_seconds",
      "Seconds from the start of an attempt until its pod ran, without the wait before it under operator.concurrentRuns",
      durations,
    );
    this.#training = histogram("luthier_training_seconds", "Seconds that finished trainings computed", durations);
    this.#peak = histogram("luthier_peak_bytes", "Planned and measured peak memory of finished trainings", sizes, [
      "source",
    ]);
    this.#ratio = histogram("luthier_peak_ratio", "Measured peak memory divided by the planned one", ratios);
  }

  record(namespace: string, events: readonly Measured[]): void {
    for (const event of events) {
      switch (event.kind) {
        case "AttemptEnded":
          this.#attempts.inc({ namespace, outcome: event.outcome, reason: this.#bounded(event.reason) });
          break;
        case "Started":
          this.#queue.observe(event.queueSeconds);
          break;
        case "Trained":
          this.#trained(namespace, event.results);
          break;
      }
    }
  }

  #trained(namespace: string, results: (Measured & { kind: "Trained" })["results"]): void {
    const { predictedPeakBytes, measuredPeakBytes } = results;
    this.#resumes.inc({ namespace }, results.resumes);
    this.#tokens.inc({ namespace }, results.trainedTokens);
    this.#training.observe(numberOf(results.seconds));
    this.#peak.observe({ source: "Planned" }, predictedPeakBytes);
    this.#peak.observe({ source: "Measured" }, measuredPeakBytes);
    if (predictedPeakBytes > 0) this.#ratio.observe(measuredPeakBytes / predictedPeakBytes);
  }

  #bounded(reason: string): string {
    if (this.#reasons.size < mostReasons) this.#reasons.add(reason);
    return this.#reasons.has(reason) ? reason : "Other";
  }
}

/** Figures of a status are text, and a status can be edited. */
function numberOf(text: string | undefined): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}

interface Cached {
  metadata: { namespace?: string | undefined };
  status?: { state?: string | undefined };
}

function gauges(registry: Registry, { fineTuneJobs, fineTuneRuns }: Counted, leads: () => boolean): void {
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], fill: (gauge: Gauge<L>) => void) =>
    new Gauge({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        // States and namespaces without an object have no series.
        this.reset();
        if (leads()) fill(this);
      },
    });
  const byState = (name: string, help: string, objects: () => readonly Cached[]) =>
    gauge(name, help, ["namespace", "state"], (one) => {
      for (const { metadata, status } of objects())
        one.inc({ namespace: metadata.namespace ?? "", state: status?.state ?? "New" });
    });
  byState("luthier_finetunejobs", "FineTuneJobs by state", () => fineTuneJobs.values());
  byState("luthier_finetuneruns", "FineTuneRuns by state", () => fineTuneRuns.values());
  gauge(
    "luthier_training_tokens_per_second",
    "Tokens per second of all trainings in progress",
    ["namespace"],
    (one) => {
      for (const { metadata, status } of fineTuneRuns.values())
        if (status?.state === "Training")
          one.inc({ namespace: metadata.namespace ?? "" }, numberOf(status.progress?.tokensPerSecond));
    },
  );
}
