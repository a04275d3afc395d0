/** Plans the faults of the fault proxy. Seeded, so that a failed life can be repeated. */
import { createHash } from "node:crypto";
import type { Asked, Fault, Plan } from "./faultProxy.ts";

const isWrite = ({ method }: Asked) => method !== "GET";

/**
 * A write of a life, with a name that is valid in other lives: the operation, the kind of object, and the number of earlier
 * writes of this kind.
 */
export interface Write {
  what: string;
  ordinal: number;
}

type When = "before" | "after";
export const whens: readonly When[] = ["before", "after"];

const nameOf = ({ method, path }: Asked) =>
  `${method} ${path.replace(/\/namespaces\/[^/]+/, "").replaceAll(/-[0-9a-f]{8,}(?=[-/]|$)/g, "-*")}`;

/** Injects no fault; reports each write. */
export function listWrites(add: (write: Write) => void): Plan {
  const next = ordinals();
  return (asked) => {
    if (isWrite(asked)) add(next(asked).taken());
    return undefined;
  };
}

/** Ends the client once, before or after this write. */
export function cutAt({ what, ordinal }: Write, when: When): Plan {
  return cuts((write, at) => at === when && write.ordinal === ordinal && write.what === what);
}

/** Ends the client at a share of all moments (before and after each write), chosen by the seed. */
export function cutShare({ seed, share }: { seed: number; share: number }): Plan {
  return cuts(({ what, ordinal }, when) => uniform(`${seed} ${what} ${ordinal} ${when}`) < share);
}

/** Ends the client the first time that a chosen moment occurs. */
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

/** Counts writes by name; a write that is not sent is not `taken`, so the next one has the same ordinal. */
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

/** Answers a share of all requests, including reads and watches, with 429, 500 or 503; half of the 500s after execution. */
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

/** Lets another writer come first before a share of the writes to an object. */
export function contend({ seed, share }: { seed: number; share: number }): Plan {
  let count = 0;
  return ({ method, path }) => {
    const spoils = method === "PATCH" && path.startsWith("/apis/luthier.dev/") && uniform(`${seed} ${count++}`) < share;
    return spoils ? { kind: "touch" } : undefined;
  };
}

/** Breaks every watch within a few seconds; `silent`: some fall silent instead, without an error. */
export function tearWatches({ seed, silent }: { seed: number; silent: boolean }): Plan {
  let count = 0;
  return ({ watch }) => {
    if (!watch) return undefined;
    const chance = uniform(`${seed} ${count++}`);
    // Each silence costs a minute and a half, so at most the first watch of each kind falls silent.
    return { kind: "tear", afterMs: Math.floor(chance * 5_000), silent: silent && count <= 5 };
  };
}

/** Uniform in [0, 1), and the same for the same words. */
function uniform(words: string): number {
  return createHash("sha256").update(words).digest().readUInt32BE(0) / 2 ** 32;
}
