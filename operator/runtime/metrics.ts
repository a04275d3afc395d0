/**
 * Prometheus metrics under controller-runtime's names, so that existing dashboards and alerts work.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { QueueObserver } from "./workqueue.ts";

const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** A controller's work: its name, its number of workers, and the age of each item in progress in seconds. */
interface Working {
  readonly name: string;
  readonly workers: number;
  readonly ages: () => number[];
}

export class ControllerMetrics {
  readonly registry = new Registry();
  readonly #total = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Total number of reconciliations per controller",
    labelNames: ["controller", "result"],
    registers: [this.registry],
  });
  readonly #errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Total number of reconciliation errors per controller",
    labelNames: ["controller"],
    registers: [this.registry],
  });
  readonly #terminal = new Counter({
    name: "controller_runtime_terminal_reconcile_errors_total",
    help: "Total number of terminal reconciliation errors per controller",
    labelNames: ["controller"],
    registers: [this.registry],
  });
  readonly #time = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Length of time per reconciliation per controller",
    labelNames: ["controller"],
    buckets: seconds,
    registers: [this.registry],
  });
  readonly #depth = new Gauge({
    name: "workqueue_depth",
    help: "Current depth of workqueue",
    labelNames: ["name", "controller"],
    registers: [this.registry],
  });
  readonly #adds = new Counter({
    name: "workqueue_adds_total",
    help: "Total number of adds handled by workqueue",
    labelNames: ["name", "controller"],
    registers: [this.registry],
  });
  readonly #retries = new Counter({
    name: "workqueue_retries_total",
    help: "Total number of retries handled by workqueue",
    labelNames: ["name", "controller"],
    registers: [this.registry],
  });
  readonly #waits = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "How long in seconds an item stays in workqueue before being requested",
    labelNames: ["name", "controller"],
    buckets: seconds,
    registers: [this.registry],
  });
  readonly #works = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "How long in seconds processing an item from workqueue takes",
    labelNames: ["name", "controller"],
    buckets: seconds,
    registers: [this.registry],
  });
  readonly #working: Working[] = [];
  readonly #requests = new Counter({
    name: "rest_client_requests_total",
    help: "Number of HTTP requests, partitioned by status code and method",
    labelNames: ["code", "method", "host"],
    registers: [this.registry],
  });
  readonly leader = new Gauge({
    name: "leader_election_master_status",
    help: "1 if this process is the leader",
    labelNames: ["name"],
    registers: [this.registry],
  });

  readonly #host: string;

  /** `host`: that of the API server. */
  constructor(host = "") {
    this.#host = host;
    collectDefaultMetrics({ register: this.registry });
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    this.#atScrape(
      "controller_runtime_max_concurrent_reconciles",
      "Workers per controller",
      ["controller"],
      (one) => one.workers,
    );
    this.#atScrape(
      "controller_runtime_active_workers",
      "Workers at work per controller",
      ["controller"],
      (one) => one.ages().length,
    );
    this.#atScrape(
      "workqueue_unfinished_work_seconds",
      "Seconds of work in progress per workqueue",
      ["name", "controller"],
      (one) => sum(one.ages()),
    );
    this.#atScrape(
      "workqueue_longest_running_processor_seconds",
      "Age of the oldest work in progress per workqueue",
      ["name", "controller"],
      (one) => Math.max(0, ...one.ages()),
    );
  }

  /** A gauge for each controller, measured at each scrape. */
  #atScrape(
    name: string,
    help: string,
    labelNames: readonly ("controller" | "name")[],
    measure: (one: Working) => number,
  ): void {
    const working = this.#working;
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        for (const one of working)
          this.set(Object.fromEntries(labelNames.map((label) => [label, one.name])), measure(one));
      },
    });
  }

  workers(name: string, workers: number, ages: () => number[]): void {
    this.#working.push({ name, workers, ages });
  }

  reconciled(controller: string, kind: string, duration: number): void {
    const result =
      kind === "success" || kind === "stopped" ? "success" : kind === "requeueAfter" ? "requeue_after" : "error";
    this.#total.inc({ controller, result });
    this.#time.observe({ controller }, duration);
    if (result === "error") this.#errors.inc({ controller });
    if (kind === "terminal") this.#terminal.inc({ controller });
  }

  responded(method: string, code: number): void {
    this.#requests.inc({ method, code: String(code), host: this.#host });
  }

  queue(name: string): QueueObserver {
    // Newer releases of controller-runtime have the name twice.
    const labels = { name, controller: name };
    return {
      depth: (length) => this.#depth.set(labels, length),
      added: () => this.#adds.inc(labels),
      retried: () => this.#retries.inc(labels),
      waited: (duration) => this.#waits.observe(labels, duration),
      worked: (duration) => this.#works.observe(labels, duration),
    };
  }
}
