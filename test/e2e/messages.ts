/**
 * Records the reports of Luthier's objects in a namespace by watches: each state, each condition and each Event, in order,
 * including short-lived ones.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import type { CoreV1Event } from "@kubernetes/client-node";
import type { Condition } from "../../operator/api/common.ts";
import type { KubeObject, WireObject } from "../../operator/runtime/objects.ts";
import { until } from "../../operator/testing/until.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { objectsIn } from "./bench.ts";

type Reporter = KubeObject & { status?: { state?: string; conditions?: Condition[] } };
type Event = WireObject<CoreV1Event>;

const kinds = ["finetunejobs", "finetuneruns", "adapters"] as const;
export type Kind = (typeof kinds)[number];

export class Messages {
  readonly #watches: { process: ChildProcess; read: Promise<void> }[];
  readonly #seen: Record<Kind, Reporter[]> = { finetunejobs: [], finetuneruns: [], adapters: [] };
  readonly #events: Event[] = [];

  /** Starts recording. */
  constructor({ programs, environment }: Cluster, namespace: string) {
    const watch = (resource: string, record: (one: unknown) => void) => {
      const args = ["--namespace", namespace, "get", resource, "--watch", "--output=json"];
      const process = spawn(programs.kubectl, args, { env: environment, stdio: ["ignore", "pipe", "inherit"] });
      const read = (async () => {
        for await (const one of objectsIn(process.stdout)) record(one);
      })();
      return { process, read };
    };
    this.#watches = [
      ...kinds.map((kind) => watch(kind, (one) => this.#seen[kind].push(one as Reporter))),
      watch("events", (one) => this.#events.push(one as Event)),
    ];
  }

  /** Stops once it has recorded everything up to `last`: an API server sends to a watch later than it answers a read. */
  async stop(last: Readonly<Record<Kind, RegExp>>, lastEvents: readonly RegExp[]): Promise<void> {
    await until("the last state of each object and the last Events are recorded", () => {
      const ended = kinds.every((kind) => last[kind].test(this.states(kind).at(-1) ?? ""));
      return ended && lastEvents.every((one) => this.events().some((event) => one.test(event)));
    });
    for (const { process } of this.#watches) process.kill();
    await Promise.all(this.#watches.map(({ read }) => read));
  }

  /** Whether each kind was recorded from its first write, before it had a status. */
  fromTheFirst(): boolean {
    return kinds.every((kind) => this.#seen[kind].length > 0 && this.#seen[kind][0]?.status === undefined);
  }

  /** "STATE REASON: MESSAGE", from the condition Ready, without repetitions. */
  states(kind: Kind): string[] {
    return once(
      this.#seen[kind].flatMap(({ status }) =>
        (status?.conditions ?? [])
          .filter(({ type }) => type === "Ready")
          .map(({ reason, message }) => `${status?.state} ${reason}: ${message}`),
      ),
    );
  }

  /** "STATUS REASON: MESSAGE" of a condition of another type. */
  conditions(kind: Kind, type: string): string[] {
    const all = this.#seen[kind].flatMap(({ status }) => status?.conditions ?? []);
    return once(
      all.filter((one) => one.type === type).map(({ status, reason, message }) => `${status} ${reason}: ${message}`),
    );
  }

  types(kind: Kind): string[] {
    const all = this.#seen[kind].flatMap(({ status }) => status?.conditions ?? []);
    return [...new Set(all.map(({ type }) => type))].sort();
  }

  /** "KIND TYPE REASON: MESSAGE" of the operator's own Events. */
  events(): string[] {
    return this.#events
      .filter(({ reportingComponent }) => reportingComponent === "luthier-operator")
      .map(({ involvedObject, type, reason, message }) => `${involvedObject.kind} ${type} ${reason}: ${message}`);
  }

  /** Everything, to check for forbidden texts. */
  all(): string[] {
    const messages = kinds.flatMap((kind) =>
      this.#seen[kind].flatMap(({ status }) => (status?.conditions ?? []).map(({ message }) => message)),
    );
    return once([...messages, ...this.events()]);
  }
}

const once = (words: readonly string[]) => words.filter((one, index) => one !== words[index - 1]);

/** Compares the recorded texts with the allowed ones: in order, no others, and the last one at the end. */
export function assertMessages(recorded: readonly string[], allowed: readonly RegExp[]): void {
  let turn = 0;
  for (const words of recorded) {
    const next = allowed.findIndex((one, index) => index >= turn && one.test(words));
    assert.ok(next >= 0, `unexpected, or in the wrong order: ${words}\nrecorded:\n${recorded.join("\n")}`);
    turn = next;
  }
  assert.equal(turn, allowed.length - 1, `the last reports are missing; recorded:\n${recorded.join("\n")}`);
}
