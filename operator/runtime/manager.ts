/**
 * The life of a controller process: fill the caches, become the leader, reconcile, drain.
 *
 * Order: reflectors and health run from the start; controllers start when every cache is filled and this process leads;
 * a signal drains them (they finish the queue and take no new work), then stops all writes and releases the Lease.
 * Lost leadership stops all writes at once and ends with "lost"; the caller then exits.
 */
import type { Logger } from "pino";
import type { Controller } from "./controller.ts";
import type { LeaderElector } from "./leader.ts";
import type { ControllerMetrics } from "./metrics.ts";
import type { KubeObject } from "./objects.ts";
import type { Reflector } from "./reflector.ts";
import type { Transport } from "./transport.ts";

export interface ManagerOptions {
  /** Label of the leader metric. */
  name: string;
  reflectors: readonly Pick<Reflector<KubeObject>, "run" | "synced">[];
  controllers: readonly Controller[];
  /** Absent: this process leads at once. */
  elector: LeaderElector | undefined;
  transport: Transport;
  metrics: ControllerMetrics;
  log: Logger;
}

const drainMs = 20_000;

export class Manager {
  readonly #options: ManagerOptions;
  #synced = false;
  #leads = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  ready(): boolean {
    return this.#synced;
  }

  /** Does this process reconcile now? */
  leads(): boolean {
    return this.#leads;
  }

  /** Runs until `signal` fires. */
  async run(signal: AbortSignal): Promise<"stopped" | "lost"> {
    const { reflectors, controllers, elector, log, transport } = this.#options;
    const watching = new AbortController();
    const watches = Promise.all(reflectors.map((reflector) => reflector.run(watching.signal)));
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    try {
      await Promise.race([Promise.all(reflectors.map((reflector) => reflector.synced)), aborted]);
      if (signal.aborted) return "stopped";
      this.#synced = true;
      log.info("caches are filled");
      if (elector) {
        if (!(await acquired(elector, signal))) return "stopped";
        transport.writeOnlyWhile(() => elector.holds());
      }
      this.#setLeads(true);
      for (const controller of controllers) controller.start();
      log.info({ controllers: controllers.map((controller) => controller.name) }, "reconciling");
      return await this.#lead(aborted);
    } finally {
      transport.stopWrites();
      watching.abort();
      await watches;
    }
  }

  #setLeads(leads: boolean): void {
    const { metrics, name } = this.#options;
    this.#leads = leads;
    metrics.leader.set({ name }, leads ? 1 : 0);
  }

  async #lead(aborted: Promise<void>): Promise<"stopped" | "lost"> {
    const { controllers, elector, log, transport } = this.#options;
    const releasing = new AbortController();
    const held = elector?.hold(releasing.signal);
    const end = await Promise.race([aborted.then(() => "stopped" as const), ...(held ? [held] : [])]);
    this.#setLeads(false);
    if (end === "lost") {
      transport.stopWrites();
      log.error("leadership is lost");
      return "lost";
    }
    log.info("draining");
    await withDeadline(Promise.all(controllers.map((controller) => controller.drain())), drainMs);
    // An unfinished reconcile must not write beside the next leader.
    transport.stopWrites();
    releasing.abort();
    await held;
    return "stopped";
  }
}

async function acquired(elector: LeaderElector, signal: AbortSignal): Promise<boolean> {
  try {
    await elector.acquire(signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

async function withDeadline(promise: Promise<unknown>, ms: number): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, ms);
  await Promise.race([promise, timer.promise]);
  clearTimeout(timeout);
}
