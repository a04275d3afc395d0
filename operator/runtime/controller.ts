/**
 * Level-driven reconciling: takes keys, runs one `reconcile` per key at a time, and maps its outcome to the queue.
 */
import type { Logger } from "pino";
import { isConflict, isNamespaceTerminating, TerminalError, WritesStoppedError } from "./errors.ts";
import type { ControllerMetrics } from "./metrics.ts";
import { WorkQueue } from "./workqueue.ts";

export interface Result {
  /** Reconcile again after this time, unless a change comes first. */
  requeueAfterMs?: number | undefined;
}

export interface ControllerOptions {
  name: string;
  workers: number;
  reconcile: (key: string) => Promise<Result>;
  metrics: ControllerMetrics;
  log: Logger;
}

type Outcome =
  | { kind: "success" }
  | { kind: "requeueAfter"; ms: number }
  | { kind: "conflict" }
  | { kind: "terminal"; error: unknown }
  | { kind: "stopped" }
  | { kind: "error"; error: unknown };

export class Controller {
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  #working: Promise<void> | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.queue = new WorkQueue(options.metrics.queue(options.name));
    options.metrics.workers(options.name, options.workers, () => this.queue.running());
  }

  get name(): string {
    return this.#options.name;
  }

  start(): void {
    this.#working ??= Promise.all(Array.from({ length: this.#options.workers }, () => this.#work())).then(() => {});
  }

  /** Takes no more work and resolves when the last reconcile has ended. */
  async drain(): Promise<void> {
    this.queue.shutDown();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let key = await this.queue.get(); key !== undefined; key = await this.queue.get()) {
      const started = performance.now();
      const outcome = await this.#reconcile(key);
      this.#options.metrics.reconciled(this.name, outcome.kind, (performance.now() - started) / 1000);
      this.#requeue(key, outcome);
      this.queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<Outcome> {
    try {
      const { requeueAfterMs } = await this.#options.reconcile(key);
      return requeueAfterMs === undefined ? { kind: "success" } : { kind: "requeueAfter", ms: requeueAfterMs };
    } catch (error) {
      if (error instanceof WritesStoppedError) return { kind: "stopped" };
      if (error instanceof TerminalError || isNamespaceTerminating(error)) return { kind: "terminal", error };
      return isConflict(error) ? { kind: "conflict" } : { kind: "error", error };
    }
  }

  #requeue(key: string, outcome: Outcome): void {
    const { log, name } = this.#options;
    switch (outcome.kind) {
      case "success":
        this.queue.forget(key);
        return;
      case "requeueAfter":
        this.queue.forget(key);
        this.queue.addAfter(key, outcome.ms);
        return;
      case "conflict":
        // The cache was old; the newer object will arrive soon.
        this.queue.addRateLimited(key);
        return;
      case "terminal":
        log.error({ controller: name, key, error: outcome.error }, "reconcile cannot succeed until the object changes");
        this.queue.forget(key);
        return;
      case "stopped":
        return;
      case "error":
        log.warn(
          { controller: name, key, error: outcome.error, failures: this.queue.failures(key) },
          "reconcile failed",
        );
        this.queue.addRateLimited(key);
        return;
    }
  }
}
