/**
 * Counts the unusable rows of a reading and judges them. Bad rows beyond the tolerance are an error. Rows without a
 * trained token after truncation are dropped, in any number, as long as other rows remain. Both kinds are counted, and
 * the first ones are named.
 */

import { invalid } from "../contract/failure.ts";
import type { Fault } from "../data/rows/rowBatch.ts";

/** Maximum number of overlong rows that are named. */
const namedRows = 20;

export class UnusableRows {
  bad = 0;
  /** File, line and reason of the first bad row; "" when there is none. */
  firstBad = "";
  overlong = 0;
  /** File and line of the first overlong rows. */
  readonly overlongRows: string[] = [];
  /** The reason of the first overlong row. */
  #whyOverlong = "";
  #rows = 0;
  readonly #maxBadFraction: number;

  constructor(maxBadFraction: number) {
    this.#maxBadFraction = maxBadFraction;
  }

  /** Adds faults in any order. Throws a failure at once when no bad row is allowed. */
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
        return;
      case "refused":
        throw invalid("RowTooLong", `${uri}:${line}: ${reason}`);
    }
  }

  /** Judges the share of bad rows after the last row. */
  judge(): void {
    if (this.bad <= this.#maxBadFraction * this.#rows) return;
    throw invalid(
      "TooManyBadRows",
      `${this.bad} of ${this.#rows} rows are bad, more than dataset.badRows.maxFraction ${this.#maxBadFraction} allows; the first: ${this.firstBad}`,
    );
  }

  /** The failure of a reading without an example for `use`. */
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
