/**
 * Packs examples into rows of a fixed capacity: best fit decreasing (longest first, each into the fullest row that still
 * holds it; equal lengths in order of examples). Pure, O(n log capacity), the same on every machine.
 */

/** Examples of each row, in the order in which they are laid. `lengths[i]` is in 1..capacity. */
export function packRows(lengths: Uint32Array, capacity: number): number[][] {
  const rows: number[][] = [];
  const open = new RoomIndex(capacity);
  for (const example of longestFirst(lengths)) {
    const length = lengths[example]!;
    const room = open.smallestAtLeast(length);
    const row = room === undefined ? rows.push([]) - 1 : open.take(room);
    rows[row]!.push(example);
    open.put((room ?? capacity) - length, row);
  }
  return rows;
}

/** A row for each example: no packing. */
export const oneEach = (lengths: Uint32Array): number[][] => Array.from(lengths, (_, example) => [example]);

function longestFirst(lengths: Uint32Array): Uint32Array {
  const order = Uint32Array.from(lengths, (_, index) => index);
  return order.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
}

/** Rows by the room that is left in them; a binary tree says where the smallest sufficient room is. */
class RoomIndex {
  readonly #leaves: number;
  /** Heap-ordered: how many rows lie below each node. */
  readonly #counts: Uint32Array;
  readonly #rows: number[][];

  constructor(capacity: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity + 1));
    this.#counts = new Uint32Array(2 * this.#leaves);
    this.#rows = Array.from({ length: capacity + 1 }, () => []);
  }

  put(room: number, row: number): void {
    this.#rows[room]!.push(row);
    this.#add(room, 1);
  }

  take(room: number): number {
    this.#add(room, -1);
    return this.#rows[room]!.pop()!;
  }

  smallestAtLeast(room: number): number | undefined {
    let node = this.#leaves + room;
    if (this.#counts[node]! > 0) return room;
    // Up to the first ancestor with rows on its right, then down its leftmost path.
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
