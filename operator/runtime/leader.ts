/**
 * Leader election on a Lease, as client-go does it: durations are measured on this process's own clock from the moment
 * a change of the Lease was seen, so that clocks may differ. A leader that could not renew within the renew deadline,
 * which is shorter than the lease, is one no longer.
 */
import type { V1Lease } from "@kubernetes/client-node";
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { isAlreadyExists, isConflict } from "./errors.ts";
import type { Resource, WireObject } from "./objects.ts";
import { sleep } from "./transport.ts";

export type Lease = WireObject<V1Lease>;
export const leases: Resource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
};

const leaseDurationMs = 15_000;
const renewDeadlineMs = 10_000;
const retryPeriodMs = 2_000;

/** What to do about the Lease, given what is known of it. */
export type Claim = "create" | "renew" | "takeOver" | "wait";

export interface Observed {
  lease: Lease | undefined;
  /** On our clock: since when the Lease has looked as it does. */
  unchangedMs: number;
}

/** Pure: may `identity` hold the Lease now? */
export function claim({ lease, unchangedMs }: Observed, identity: string): Claim {
  if (lease === undefined) return "create";
  const holder = lease.spec?.holderIdentity ?? "";
  if (holder === identity) return "renew";
  const durationMs = (lease.spec?.leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
  return holder === "" || unchangedMs > durationMs ? "takeOver" : "wait";
}

export interface ElectorOptions {
  client: Client;
  namespace: string;
  name: string;
  identity: string;
  log: Logger;
}

export class LeaderElector {
  readonly #options: ElectorOptions;
  #seen = { version: "", at: performance.now() };

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  /** Resolves when this process leads. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#attempt())) await sleep(retryPeriodMs * (1 + Math.random() * 0.2), signal);
  }

  /** Renews until the signal fires (then gives the Lease back) or leadership is lost (then resolves with "lost"). */
  async hold(signal: AbortSignal): Promise<"released" | "lost"> {
    let renewedAt = performance.now();
    for (;;) {
      await sleep(retryPeriodMs, signal).catch(() => {});
      if (signal.aborted) {
        await this.#release();
        return "released";
      }
      const left = renewDeadlineMs - (performance.now() - renewedAt);
      if (await withTimeout(this.#attempt(), left)) renewedAt = performance.now();
      else if (performance.now() - renewedAt >= renewDeadlineMs) return "lost";
    }
  }

  async #attempt(): Promise<boolean> {
    const { client, namespace, name, identity, log } = this.#options;
    try {
      const lease = await client.get(leases, { namespace, name });
      const version = lease?.metadata.resourceVersion ?? "";
      if (version !== this.#seen.version) this.#seen = { version, at: performance.now() };
      const decision = claim({ lease, unchangedMs: performance.now() - this.#seen.at }, identity);
      if (decision === "wait") return false;
      const wanted = this.#lease(lease, decision);
      await (decision === "create" ? client.create(leases, wanted) : client.replace(leases, wanted));
      return true;
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error))
        log.warn({ error }, "leader election: the Lease could not be written");
      return false;
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
        leaseDurationSeconds: leaseDurationMs / 1000,
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
      log.warn({ error }, "leader election: the Lease could not be given back; it will run out");
    }
  }
}

/** The promise's answer, or false when it takes longer. */
async function withTimeout(promise: Promise<boolean>, ms: number): Promise<boolean> {
  const timeout = new AbortController();
  const late = sleep(Math.max(ms, 0), timeout.signal).then(
    () => false,
    () => false,
  );
  const answer = await Promise.race([promise, late]);
  timeout.abort();
  return answer;
}
