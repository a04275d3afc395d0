/**
 * Packs examples into rows of a fixed capacity: best fit decreasing (longest first, each into the fullest row that
 * still holds it; equal lengths in the order of examples). Pure, O(n log capacity), the same on every machine; about
 * thirty bytes per example.
 */

export interface PackedRows {
  /** Examples, row after row, in their order within the rows. */
  readonly order: Uint32Array;
  /** The start of each row in `order`, and the end. */
  readonly starts: Uint32Array;
}

/** `lengths[i]` is in 1..capacity. */
export function packRows(lengths: Uint32Array, capacity: number): PackedRows {
  const rowOf = new Uint32Array(lengths.length);
  const open = new RoomIndex(capacity, lengths.length);
  const placing = longestFirst(lengths, capacity);
  let rows = 0;
  for (const example of placing) {
    const length = lengths[example]!;
    const room = open.smallestAtLeast(length);
    const row = room === undefined ? rows++ : open.take(room);
    rowOf[example] = row;
    open.put((room ?? capacity) - length, row);
  }
  return byRow(placing, rowOf, rows);
}

export interface PackingSettings {
  readonly capacity: number;
  /** False: each example or pair has a row of its own. */
  readonly packing: boolean;
  /** Examples 2p and 2p + 1 share a row. */
  readonly paired: boolean;
}

/** The rows of a data set. */
export function rowsFor(lengths: Uint32Array, { capacity, packing, paired }: PackingSettings): PackedRows {
  const place = (units: Uint32Array) => (packing ? packRows(units, capacity) : oneEach(units));
  if (!paired) return place(lengths);
  const units = Uint32Array.from(
    { length: lengths.length / 2 },
    (_, pair) => lengths[2 * pair]! + lengths[2 * pair + 1]!,
  );
  const { order, starts } = place(units);
  return {
    order: Uint32Array.from({ length: 2 * order.length }, (_, at) => 2 * order[at >> 1]! + (at & 1)),
    starts: starts.map((start) => 2 * start),
  };
}

/** One row per example, without packing. */
export const oneEach = (lengths: Uint32Array): PackedRows => ({
  order: Uint32Array.from(lengths, (_, example) => example),
  starts: Uint32Array.from({ length: lengths.length + 1 }, (_, row) => row),
});

/** A counting sort. It is stable, so equal lengths keep their order. */
function longestFirst(lengths: Uint32Array, capacity: number): Uint32Array {
  const next = new Uint32Array(capacity + 2);
  // Examples of length l come after all longer ones.
  for (const length of lengths) next[capacity - length + 1]!++;
  for (let i = 1; i < next.length; i++) next[i]! += next[i - 1]!;
  const order = new Uint32Array(lengths.length);
  for (const [example, length] of lengths.entries()) order[next[capacity - length]!++] = example;
  return order;
}

function byRow(placing: Uint32Array, rowOf: Uint32Array, rows: number): PackedRows {
  const starts = new Uint32Array(rows + 1);
  for (const row of rowOf) starts[row + 1]!++;
  for (let row = 0; row < rows; row++) starts[row + 1]! += starts[row]!;
  const next = starts.slice(0, rows);
  const order = new Uint32Array(placing.length);
  for (const example of placing) order[next[rowOf[example]!]!++] = example;
  return { order, starts };
}

const none = 0xffff_ffff;

/** Rows by their remaining room; a binary tree finds the smallest sufficient room. */
class RoomIndex {
  readonly #leaves: number;
  /** Number of rows below each node, in heap order. */
  readonly #counts: Uint32Array;
  /** The last row added for each room; each row links to the one added before it. */
  readonly #last: Uint32Array;
  readonly #before: Uint32Array;

  constructor(capacity: number, mostRows: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity + 1));
    this.#counts = new Uint32Array(2 * this.#leaves);
    this.#last = new Uint32Array(capacity + 1).fill(none);
    this.#before = new Uint32Array(mostRows);
  }

  put(room: number, row: number): void {
    this.#before[row] = this.#last[room]!;
    this.#last[room] = row;
    this.#add(room, 1);
  }

  take(room: number): number {
    this.#add(room, -1);
    const row = this.#last[room]!;
    this.#last[room] = this.#before[row]!;
    return row;
  }

  smallestAtLeast(room: number): number | undefined {
    let node = this.#leaves + room;
    if (this.#counts[node]! > 0) return room;
    // Climbs to the first ancestor with rows on its right, then descends its leftmost path.
    while (node > 1 && (node % 2 === 1 || this.#counts[node + 1] === 0)) node >>= 1;
    if (node <= 1) return undefined;
    node++;
    while (node < this.#leaves) node = this.#counts[2 * node]! > 0 ? 2 * node : 2 * node + 1;
    return node - this.#leaves;
  }

  #add(room: number, change: number): void {
    for (let node = this.#leaves + room; node >= 1; node >>= 1) this.#counts[node]! += change;
  }
}
