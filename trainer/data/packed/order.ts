/**
 * Selects the rows of an optimiser step. The order depends only on the run (seed, rows, rows per step), never on
 * memory, threads or restarts: the rows of each epoch are shuffled, epochs follow one another, and steps divide that
 * sequence. Pure.
 */
import { ceilOfProduct } from "../../contract/decimal.ts";
import type { TrainingSettings } from "../../contract/effective.ts";
import { philox } from "../../numbers/philox.ts";

/** Separates this use of the seed from others. */
const shuffleKey = 0x5368756c;

/** The rows 0..count−1 in the order of an epoch: Fisher–Yates with one Philox word per swap. */
export function shuffledRows(count: number, epoch: number, seed: number): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  for (let last = count - 1; last > 0; last--) {
    const [word] = philox([last, epoch, 0, 0], [seed, shuffleKey]);
    const other = Math.floor((word * (last + 1)) / 2 ** 32);
    [rows[last], rows[other]] = [rows[other]!, rows[last]!];
  }
  return rows;
}

type Length = Pick<TrainingSettings, "length" | "rowsPerStep">;

/** Number of rows that the whole run trains on, counting repeats. */
export function rowsOfRun({ length, rowsPerStep }: Length, rows: number): number {
  return length.kind === "steps" ? length.steps * rowsPerStep : Math.max(1, ceilOfProduct(length.epochs, rows));
}

/** Optimiser steps of the run; the last one may have fewer rows than the others. */
export function stepsOfRun(settings: Length, rows: number): number {
  return Math.ceil(rowsOfRun(settings, rows) / settings.rowsPerStep);
}

export class RowOrder {
  readonly steps: number;
  readonly #settings: Length & { seed: number };
  readonly #rows: number;
  readonly #total: number;
  #epoch = -1;
  #shuffled: Uint32Array = new Uint32Array();

  constructor(settings: Length & { seed: number }, rows: number) {
    this.#settings = settings;
    this.#rows = rows;
    this.#total = rowsOfRun(settings, rows);
    this.steps = stepsOfRun(settings, rows);
  }

  /** Rows of step 1..steps. */
  rowsOfStep(step: number): number[] {
    const start = (step - 1) * this.#settings.rowsPerStep;
    const end = Math.min(start + this.#settings.rowsPerStep, this.#total);
    return Array.from({ length: end - start }, (_, index) => this.#rowAt(start + index));
  }

  /** Completed epochs after a step, as a fraction. */
  epochsAfter(step: number): number {
    return Math.min(step * this.#settings.rowsPerStep, this.#total) / this.#rows;
  }

  #rowAt(index: number): number {
    const epoch = Math.floor(index / this.#rows);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#shuffled = shuffledRows(this.#rows, epoch, this.#settings.seed);
    }
    return this.#shuffled[index % this.#rows]!;
  }
}
