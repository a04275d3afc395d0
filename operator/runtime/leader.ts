/**
 * Leader election on a Lease, as in client-go. It measures durations on this process's clock from the moment it observed a
 * change of the Lease, so clocks may differ. A leader that could not renew within the renew deadline, which is shorter than
 * the lease, is no longer the leader. `holds` is correct at every moment, even in a process that was stopped for a while.
 * The elector has a separate client, so that no other request delays a renewal.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Lease } from "@kubernetes/client-node";
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { isAlreadyExists, isConflict } from "./errors.ts";
import type { Resource, WireObject } from "./objects.ts";

export type Lease = WireObject<V1Lease>;
export const leases: Resource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
};

export interface ElectionTimes {
  /** How long other processes respect an unchanged Lease. */
  leaseDurationMs: number;
  /** Time without a renewal after which the holder gives up; shorter than the lease. */
  renewDeadlineMs: number;
  /** Between two attempts. */
  retryPeriodMs: number;
}

/** The defaults of client-go. */
const usualTimes: ElectionTimes = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

/** The next action on the Lease. */
export type Claim = "create" | "renew" | "takeOver" | "wait";

export interface Observed {
  lease: Lease | undefined;
  /** Since when the Lease is unchanged, on this process's clock. */
  unchangedMs: number;
}

/** May `identity` hold the Lease now? Pure. */
export function claim({ lease, unchangedMs }: Observed, identity: string): Claim {
  if (lease === undefined) return "create";
  const holder = lease.spec?.holderIdentity ?? "";
  if (holder === identity) return "renew";
  const durationMs = (lease.spec?.leaseDurationSeconds ?? usualTimes.leaseDurationMs / 1000) * 1000;
  return holder === "" || unchangedMs > durationMs ? "takeOver" : "wait";
}

export interface ElectorOptions {
  client: Client;
  namespace: string;
  name: string;
  identity: string;
  log: Logger;
  times?: ElectionTimes;
}

/** Result of an attempt to hold the Lease. `unknown`: the server did not respond. */
type Answer = "held" | "taken" | "unknown";

export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #times: ElectionTimes;
  #seen = { version: "", at: performance.now() };
  /** Start of the last successful attempt. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#times = options.times ?? usualTimes;
  }

  /** Does this process certainly hold the Lease at this moment? */
  holds(): boolean {
    return this.#leftMs() > 0;
  }

  /** Resolves when this process leads. */
  async acquire(signal: AbortSignal): Promise<void> {
    while ((await this.#attempt()) !== "held") {
      await sleep(this.#times.retryPeriodMs * (1 + Math.random() * 0.2), undefined, { signal });
    }
  }

  /** Renews until the signal fires (then releases the Lease) or leadership is lost (then resolves with "lost"). */
  async hold(signal: AbortSignal): Promise<"released" | "lost"> {
    for (;;) {
      await sleep(this.#times.retryPeriodMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) {
        await this.#release();
        return "released";
      }
      const answer = await within(this.#attempt(), this.#leftMs());
      if (answer === "taken" || !this.holds()) return "lost";
    }
  }

  #leftMs(): number {
    return this.#renewedAt + this.#times.renewDeadlineMs - performance.now();
  }

  async #attempt(): Promise<Answer> {
    const { client, namespace, name, identity, log } = this.#options;
    const begun = performance.now();
    try {
      const lease = await client.get(leases, { namespace, name });
      const version = lease?.metadata.resourceVersion ?? "";
      if (version !== this.#seen.version) this.#seen = { version, at: performance.now() };
      const decision = claim({ lease, unchangedMs: performance.now() - this.#seen.at }, identity);
      if (decision === "wait") return "taken";
      const wanted = this.#lease(lease, decision);
      await (decision === "create" ? client.create(leases, wanted) : client.replace(leases, wanted));
      this.#renewedAt = begun;
      return "held";
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error))
        log.warn({ error }, "leader election: the Lease could not be written");
      return "unknown";
    }
  }

  #lease(current: Lease | undefined, decision: Claim): Lease {
    const { namespace, name, identity } = this.#options;
    const now = `${new Date().toISOString().slice(0, 23)}000Z`;
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#times.leaseDurationMs / 1000),
        renewTime: now,
        acquireTime: decision === "renew" ? (current?.spec?.acquireTime ?? now) : now,
        leaseTransitions: decision === "takeOver" ? transitions + 1 : transitions,
      },
    };
  }

  async #release(): Promise<void> {
    const { client, namespace, name, identity, log } = this.#options;
    try {
      const lease = await client.get(leases, { namespace, name });
      if (lease?.spec?.holderIdentity !== identity) return;
      await client.replace(leases, { ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 } });
    } catch (error) {
      log.warn({ error }, "leader election: the Lease could not be released; it will expire");
    }
  }
}

/** The promise's answer, or `unknown` when it takes longer. */
async function within(promise: Promise<Answer>, ms: number): Promise<Answer> {
  const timeout = new AbortController();
  const late = sleep(Math.max(ms, 0), "unknown" as const, { signal: timeout.signal }).catch(() => "unknown" as const);
  const answer = await Promise.race([promise, late]);
  timeout.abort();
  return answer;
}
