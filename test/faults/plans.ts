/** When the fault proxy does what. Seeded, so that a life that went wrong can be led again. */
import { createHash } from "node:crypto";
import type { Asked, Fault, Plan } from "./faultProxy.ts";

const isWrite = ({ method }: Asked) => method !== "GET";

/** The client ends before and after each distinct write; of all these moments a share is taken, by the seed. */
export function cutWrites({ seed, share }: { seed: number; share: number }): Plan {
  const pending = new Map<string, ("before" | "after")[]>();
  const taken = (identity: string, when: string) => uniform(`${seed} ${identity} ${when}`) < share;
  return (asked) => {
    if (!isWrite(asked)) return undefined;
    const { identity } = asked;
    const left = pending.get(identity) ?? (["before", "after"] as const).filter((when) => taken(identity, when));
    pending.set(identity, left);
    const when = left.shift();
    return when && { kind: "cut", when };
  };
}

/** A share of all requests, reads and watches too, is answered by 429, 500 or 503; half of the 500s after the deed. */
export function throttle({ seed, share }: { seed: number; share: number }): Plan {
  let count = 0;
  const faults: readonly Fault[] = [
    { kind: "answer", status: 429, done: false, retryAfterSeconds: 1 },
    { kind: "answer", status: 503, done: false },
    { kind: "answer", status: 500, done: false },
    { kind: "answer", status: 500, done: true },
  ];
  return () => {
    const chance = uniform(`${seed} ${count++}`);
    return chance < share ? faults[Math.floor((chance / share) * faults.length)] : undefined;
  };
}

/** Before a share of the writes to an object another writer is faster. */
export function contend({ seed, share }: { seed: number; share: number }): Plan {
  let count = 0;
  return ({ method, path }) => {
    const spoils = method === "PATCH" && path.startsWith("/apis/luthier.dev/") && uniform(`${seed} ${count++}`) < share;
    return spoils ? { kind: "touch" } : undefined;
  };
}

/** Every watch is broken off within a few seconds; `silent`: some fall silent instead, and nobody says so. */
export function tearWatches({ seed, silent }: { seed: number; silent: boolean }): Plan {
  let count = 0;
  return ({ watch }) => {
    if (!watch) return undefined;
    const chance = uniform(`${seed} ${count++}`);
    // Silence costs a minute and a half each: the first watch of each kind at most.
    return { kind: "tear", afterMs: Math.floor(chance * 5_000), silent: silent && count <= 5 };
  };
}

/** Uniform in [0, 1), always the same for the same words. */
function uniform(words: string): number {
  return createHash("sha256").update(words).digest().readUInt32BE(0) / 2 ** 32;
}
