/** When the fault proxy does what. Seeded, so that a life that went wrong can be led again. */
import { createHash } from "node:crypto";
import type { Asked, Fault, Plan } from "./faultProxy.ts";

const isWrite = ({ method }: Asked) => method !== "GET";

/**
 * A write of a life, named so that another life has it too: by what is done to which kind of object, and by how many such
 * were carried out before it.
 */
export interface Write {
  what: string;
  ordinal: number;
}

type When = "before" | "after";
export const whens: readonly When[] = ["before", "after"];

const nameOf = ({ method, path }: Asked) =>
  `${method} ${path.replace(/\/namespaces\/[^/]+/, "").replaceAll(/-[0-9a-f]{8,}(?=[-/]|$)/g, "-*")}`;

/** Spoils nothing; hands over each write as it comes. */
export function listWrites(add: (write: Write) => void): Plan {
  const next = ordinals();
  return (asked) => {
    if (isWrite(asked)) add(next(asked).taken());
    return undefined;
  };
}

/** The client ends once, before or after this write. */
export function cutAt({ what, ordinal }: Write, when: When): Plan {
  return cuts((write, at) => at === when && write.ordinal === ordinal && write.what === what);
}

/** The client ends at a share of all moments, each write's before and after being one; which they are, the seed says. */
export function cutShare({ seed, share }: { seed: number; share: number }): Plan {
  return cuts(({ what, ordinal }, when) => uniform(`${seed} ${what} ${ordinal} ${when}`) < share);
}

/** At each moment that is chosen the client ends, the first time that it comes. */
function cuts(chosen: (write: Write, when: When) => boolean): Plan {
  const next = ordinals();
  const done = new Set<string>();
  return (asked) => {
    if (!isWrite(asked)) return undefined;
    const { write, taken } = next(asked);
    const isNew = (when: When) => {
      const moment = `${write.what} ${write.ordinal} ${when}`;
      return chosen(write, when) && !done.has(moment) && done.add(moment);
    };
    if (isNew("before")) return { kind: "cut", when: "before" };
    taken();
    return isNew("after") ? { kind: "cut", when: "after" } : undefined;
  };
}

/** Counts writes by name; one that does not go out is not `taken`, and its ordinal is that of the next. */
function ordinals() {
  const counts = new Map<string, number>();
  return (asked: Asked) => {
    const write: Write = { what: nameOf(asked), ordinal: counts.get(nameOf(asked)) ?? 0 };
    const taken = () => {
      counts.set(write.what, write.ordinal + 1);
      return write;
    };
    return { write, taken };
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
