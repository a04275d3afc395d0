/**
 * Keeps sequences of tokens on disk while a data set is read: an unlinked file of 32-bit words (`trainedBit` where a
 * token carries loss), and twenty bytes of memory per sequence. The file disappears with the process.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { GrowableUint32 } from "./growable.ts";
import type { Sequences } from "./packedDataset.ts";

const bufferWords = 1 << 18;

export class Spool {
  readonly #file: number;
  readonly #buffer = new Uint32Array(bufferWords);
  #buffered = 0;
  #written = 0;
  readonly #lengths = new GrowableUint32();
  readonly #sources = new GrowableUint32();
  readonly #lines = new GrowableUint32();
  readonly #copies = new GrowableUint32();
  readonly #roles: GrowableUint32 | undefined;

  /** `hasRoles`: the sequences are answers of preferences. */
  constructor({ hasRoles = false } = {}) {
    this.#roles = hasRoles ? new GrowableUint32() : undefined;
    const directory = mkdtempSync(path.join(tmpdir(), "luthier-data-"));
    const file = path.join(directory, "tokens");
    this.#file = openSync(file, "wx+", 0o600);
    unlinkSync(file);
    rmSync(directory, { recursive: true });
  }

  get count(): number {
    return this.#lengths.length;
  }

  /** `copies`: how often an epoch uses the sequence. `role`: of `answerRoles`. */
  add(words: Uint32Array, source: number, line: number, copies: number, role = 0): void {
    this.#roles?.push(role);
    this.#lengths.push(words.length);
    this.#sources.push(source);
    this.#lines.push(line);
    this.#copies.push(copies);
    if (words.length > bufferWords - this.#buffered) this.#flush();
    if (words.length > bufferWords) {
      this.#write(words);
      return;
    }
    this.#buffer.set(words, this.#buffered);
    this.#buffered += words.length;
  }

  /** All added sequences; further copies follow in later passes, so that equal texts are not adjacent. */
  sequences(): Sequences {
    this.#flush();
    const [lengths, sources, lines] = [this.#lengths.values(), this.#sources.values(), this.#lines.values()];
    const entries = inPasses(this.#copies.values());
    const starts = new Float64Array(lengths.length);
    for (let i = 1; i < starts.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
    const pick = (values: Uint32Array) => Uint32Array.from(entries, (index) => values[index]!);
    return {
      lengths: pick(lengths),
      sources: pick(sources),
      lines: pick(lines),
      ...(this.#roles && { roles: Uint8Array.from(pick(this.#roles.values())) }),
      read: (entry, into) => this.#read(starts[entries[entry]!]!, into),
    };
  }

  close(): void {
    closeSync(this.#file);
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(words: Uint32Array): void {
    let bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    while (bytes.length > 0) {
      const written = writeSync(this.#file, bytes, 0, bytes.length, this.#written);
      this.#written += written;
      bytes = bytes.subarray(written);
    }
  }

  #read(start: number, into: Uint32Array): void {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, 4 * start + done);
      if (read === 0) throw new Error("the file of tokens ends too early");
      done += read;
    }
  }
}

/** Indices of all sequences with one copy or more, then of those with two or more, and so on. */
function inPasses(copies: Uint32Array): Uint32Array {
  const entries = new GrowableUint32();
  for (let pass = 1, any = true; any; pass++) {
    any = false;
    for (const [index, count] of copies.entries()) {
      if (count < pass) continue;
      entries.push(index);
      any = true;
    }
  }
  return entries.values().slice();
}
