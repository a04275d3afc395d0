/**
 * A work queue with client-go's semantics. A key waits once, however often it is added. No two workers get the same key; a
 * key added while in progress is queued again. Failures back off per key, from 5 ms to 1,000 s.
 */

export interface QueueObserver {
  depth(length: number): void;
  added(): void;
  retried(): void;
  /** Seconds between a key's add and its get. */
  waited(seconds: number): void;
  /** Seconds between a key's get and its done. */
  worked(seconds: number): void;
}

const baseDelayMs = 5;
const maxDelayMs = 1_000_000;
/** setTimeout's limit is 2³¹ − 1 ms. */
const maxTimerMs = 2_147_483_647;

interface Waiting {
  timer: NodeJS.Timeout;
  at: number;
}

export class WorkQueue {
  readonly #order: string[] = [];
  readonly #dirty = new Set<string>();
  /** Keys in progress, with their start times. */
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #addedAt = new Map<string, number>();
  readonly #getters: ((key: string | undefined) => void)[] = [];
  readonly #observer: QueueObserver | undefined;
  #shutDown = false;

  constructor(observer?: QueueObserver) {
    this.#observer = observer;
  }

  get length(): number {
    return this.#order.length;
  }

  /** Seconds since each key in progress was taken. */
  running(): number[] {
    const now = performance.now();
    return [...this.#processing.values()].map((since) => (now - since) / 1000);
  }

  add(key: string): void {
    if (this.#shutDown || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    this.#addedAt.set(key, performance.now());
    this.#observer?.added();
    if (!this.#processing.has(key)) this.#enqueue(key);
  }

  /** Adds the key after a delay; the earliest of several delays applies. */
  addAfter(key: string, delayMs: number): void {
    if (this.#shutDown) return;
    const at = Date.now() + delayMs;
    const waiting = this.#waiting.get(key);
    if (waiting && waiting.at <= at) return;
    clearTimeout(waiting?.timer);
    const fire = () => {
      this.#waiting.delete(key);
      this.add(key);
    };
    this.#waiting.set(key, { at, timer: setTimeout(fire, Math.min(Math.max(delayMs, 0), maxTimerMs)) });
  }

  /** Adds the key after its back-off, which doubles with each failure until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer?.retried();
    this.addAfter(key, Math.min(baseDelayMs * 2 ** failures, maxDelayMs));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Waits for the next key; undefined after shutDown once the queue is empty. The caller must call `done` afterwards. */
  get(): Promise<string | undefined> {
    const key = this.#order.shift();
    if (key !== undefined) return Promise.resolve(this.#take(key));
    if (this.#shutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#getters.push(resolve));
  }

  done(key: string): void {
    const since = this.#processing.get(key);
    this.#processing.delete(key);
    if (since !== undefined) this.#observer?.worked((performance.now() - since) / 1000);
    if (this.#dirty.has(key)) this.#enqueue(key);
  }

  /** Accepts no more keys, drops pending delays, and still gives out queued keys. */
  shutDown(): void {
    this.#shutDown = true;
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    for (const getter of this.#getters.splice(0)) getter(undefined);
  }

  #enqueue(key: string): void {
    const getter = this.#getters.shift();
    if (getter) {
      getter(this.#take(key));
      return;
    }
    this.#order.push(key);
    this.#observer?.depth(this.#order.length);
  }

  #take(key: string): string {
    this.#dirty.delete(key);
    const now = performance.now();
    this.#processing.set(key, now);
    this.#observer?.waited((now - (this.#addedAt.get(key) ?? now)) / 1000);
    this.#addedAt.delete(key);
    this.#observer?.depth(this.#order.length);
    return key;
  }
}
