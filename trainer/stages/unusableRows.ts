/**
 * The rows of a reading that cannot be used, and the judgement of them. Bad rows are an error beyond their tolerance. Rows
 * of which truncation leaves nothing to learn are dropped, whatever their number, as long as others are left; both are
 * counted, and the first ones named.
 */

import { invalid } from "../contract/failure.ts";
import type { Fault } from "../data/rows/rowBatch.ts";

/** Overlong rows that are named. */
const namedRows = 20;

export class UnusableRows {
  bad = 0;
  /** File, line and reason; "" when there is none. */
  firstBad = "";
  overlong = 0;
  /** File and line of the first ones. */
  readonly overlongRows: string[] = [];
  /** The reason of the first. */
  #whyOverlong = "";
  #rows = 0;
  readonly #maxBadFraction: number;

  constructor(maxBadFraction: number) {
    this.#maxBadFraction = maxBadFraction;
  }

  /** Faults in any order. Throws a failure at once when no bad row is allowed. */
  add(uri: string, rows: number, faults: readonly Fault[]): void {
    this.#rows += rows;
    for (const fault of faults.toSorted((a, b) => a.line - b.line)) this.#add(uri, fault);
    if (this.bad === 0 || this.#maxBadFraction > 0) return;
    throw invalid("BadRow", `${this.firstBad}; fix the row, or allow some bad rows with dataset.badRows.maxFraction`);
  }

  #add(uri: string, { kind, line, reason }: Fault): void {
    switch (kind) {
      case "bad":
        this.firstBad ||= `${uri}:${line}: ${reason}`;
        this.bad++;
        return;
      case "overlong":
        this.#whyOverlong ||= reason;
        if (this.overlong < namedRows) this.overlongRows.push(`${uri}:${line}`);
        this.overlong++;
    }
  }

  /** Judges the share of bad rows, once all are read. */
  judge(): void {
    if (this.bad <= this.#maxBadFraction * this.#rows) return;
    throw invalid(
      "TooManyBadRows",
      `${this.bad} of ${this.#rows} rows are bad, over dataset.badRows.maxFraction ${this.#maxBadFraction}; the first: ${this.firstBad}`,
    );
  }

  /** The failure of a reading that left no example for `use`. */
  noExamples(what: string, use: string): Error {
    const faults = [
      ...(this.bad > 0 ? [`${this.bad} of ${this.#rows} rows are bad; the first: ${this.firstBad}`] : []),
      ...(this.overlong > 0
        ? [
            `${this.overlong} of ${this.#rows} rows are too long; the first: ${this.overlongRows[0]}: ${this.#whyOverlong} (raise dataset.maxSequenceLength)`,
          ]
        : []),
    ];
    const why = this.#rows === 0 ? ": there is no row" : faults.length > 0 ? `: ${faults.join("; ")}` : "";
    return invalid("NoExamples", `${what} no example to ${use}${why}`);
  }
}
