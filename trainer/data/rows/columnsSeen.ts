/**
 * Records the columns of a file's rows: those that are read, and those with values that are not read. Names are bounded in
 * number and length, because a file may have a new column in every row.
 */

const maxNames = 32;
const maxNameLength = 64;

export interface Columns {
  readonly used: readonly string[];
  readonly ignored: readonly string[];
}

export class ColumnsSeen {
  readonly #used = new Set<string>();
  readonly #ignored = new Set<string>();

  use(name: string): void {
    add(this.#used, name);
  }

  ignore(name: string): void {
    add(this.#ignored, name);
  }

  addAll({ used, ignored }: Columns): void {
    for (const name of used) this.use(name);
    for (const name of ignored) this.ignore(name);
  }

  /** In the order in which the rows have them. */
  get columns(): Columns {
    return { used: [...this.#used], ignored: [...this.#ignored] };
  }
}

function add(names: Set<string>, name: string): void {
  if (names.size >= maxNames || names.has(name)) return;
  names.add(printable(name));
}

/** Shortens a name to fit into one line of a message. */
const printable = (name: string) =>
  (name.length <= maxNameLength ? name : `${name.slice(0, maxNameLength)}…`).toWellFormed().replace(/\p{C}/gu, "?");
