/**
 * Ensures a single writer per run. A writer takes the next epoch by creating an object exclusively. Before every commit
 * it checks for a later epoch; if there is one, the writer is a leftover of a lost node and stops.
 */
import { superseded } from "../contract/failure.ts";
import type { Stores } from "../stores/stores.ts";

const epochName = /^epoch-([0-9]{1,9})$/;

export class WriterEpoch {
  readonly number: number;
  readonly #stores: Stores;
  readonly #directory: string;

  private constructor(stores: Stores, directory: string, number: number) {
    this.#stores = stores;
    this.#directory = directory;
    this.number = number;
  }

  /** Takes the next epoch of the run at `runUri`. */
  static async take(stores: Stores, runUri: string): Promise<WriterEpoch> {
    const directory = `${runUri}/epochs`;
    const note = Buffer.from(JSON.stringify({ startedAt: new Date().toISOString() }));
    for (;;) {
      const number = (await newest(stores, directory)) + 1;
      if (await stores.of(directory).create(`${directory}/epoch-${number}`, note)) {
        return new WriterEpoch(stores, directory, number);
      }
    }
  }

  /** Throws the failure `Superseded` when a later epoch was taken. */
  async check(): Promise<void> {
    const latest = await newest(this.#stores, this.#directory);
    if (latest > this.number) {
      throw superseded(`another process writes this run: it took epoch ${latest}, this one has ${this.number}`);
    }
  }
}

async function newest(stores: Stores, directory: string): Promise<number> {
  const entries = await stores.of(directory).list(directory);
  return Math.max(0, ...entries.map(({ path }) => Number(epochName.exec(path)?.[1] ?? 0)));
}
