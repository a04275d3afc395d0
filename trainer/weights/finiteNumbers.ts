/**
 * Searches a safetensors file for numbers that are not finite while its bytes stream by. A base that holds one is
 * damaged, for example by a broken conversion or merge, and no training setting can fix that. Only F32, BF16 and F16
 * tensors are checked; other types are refused elsewhere.
 */
import { parseHeader, type TensorEntry } from "../formats/safetensors.ts";

export interface NotFinite {
  tensor: string;
  /** Index of the element, row-major. */
  element: number;
  value: "NaN" | "Infinity" | "-Infinity";
}

/** Bytes of a number of each checked type, and the bits of its exponent, from the low end of the number. */
const checked: Readonly<Record<string, { size: 2 | 4; exponent: number }>> = {
  F32: { size: 4, exponent: 0x7f800000 },
  BF16: { size: 2, exponent: 0x7f80 },
  F16: { size: 2, exponent: 0x7c00 },
};
const isChecked = ({ dtype }: TensorEntry): boolean => Object.hasOwn(checked, dtype);

export class FiniteNumbers {
  readonly #fileBytes: number;
  readonly #isWeight: (name: string) => boolean;
  /** The file's first bytes, until the header is complete. */
  #head: Uint8Array | undefined = new Uint8Array();
  /** Pending and current tensors, in the file's order. */
  #tensors: TensorEntry[] = [];
  /** Offset of the next chunk in the file. */
  #position = 0;
  /** The bytes of a number that continues in the next chunk. */
  #begun = new Uint8Array();
  #found: NotFinite | undefined;

  /** `isWeight`: whether a tensor name belongs to the model. */
  constructor(fileBytes: number, isWeight: (name: string) => boolean) {
    this.#fileBytes = fileBytes;
    this.#isWeight = isWeight;
  }

  /** The first number that is not finite; undefined when none was found so far. */
  get found(): NotFinite | undefined {
    return this.#found;
  }

  /** Takes the next bytes of the file. It finds nothing in a file with an unreadable header. */
  add(chunk: Uint8Array): void {
    if (this.#found) return;
    if (this.#head === undefined) {
      this.#look(chunk);
      return;
    }
    this.#head = joined(this.#head, chunk);
    const rest = this.#readHeader(this.#head);
    if (rest === undefined) return;
    this.#head = undefined;
    this.#look(rest);
  }

  /** Reads the header once it is complete; returns the bytes after it. */
  #readHeader(head: Uint8Array): Uint8Array | undefined {
    if (head.length < 8) return undefined;
    const length = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
    const end = 8 + Number(length);
    if (head.length < Math.min(end, this.#fileBytes)) return undefined;
    this.#tensors = this.#tensorsOf(head.subarray(8, end), end);
    this.#position = end;
    return head.subarray(end);
  }

  #tensorsOf(header: Uint8Array, end: number): TensorEntry[] {
    try {
      const { tensors } = parseHeader(header, end, this.#fileBytes);
      const checked = [...tensors.values()].filter((one) => isChecked(one) && this.#isWeight(one.name));
      return checked.sort((a, b) => a.start - b.start);
    } catch {
      return [];
    }
  }

  #look(chunk: Uint8Array): void {
    const start = this.#position;
    this.#position += chunk.length;
    while (this.#tensors[0] && this.#tensors[0].start < this.#position && !this.#found) {
      const tensor = this.#tensors[0];
      const from = Math.max(tensor.start, start);
      const to = Math.min(tensor.end, this.#position);
      this.#lookAt(tensor, chunk.subarray(from - start, to - start), from - tensor.start);
      if (tensor.end > this.#position) return;
      this.#tensors.shift();
    }
  }

  /** Checks bytes of a tensor, from an offset in it. */
  #lookAt(tensor: TensorEntry, bytes: Uint8Array, offset: number): void {
    const { size, exponent } = checked[tensor.dtype]!;
    const begun = this.#begun.length;
    const all = begun > 0 ? joined(this.#begun, bytes) : bytes;
    const whole = all.length - (all.length % size);
    this.#begun = new Uint8Array(all.subarray(whole));
    const at = firstNotFinite(all.subarray(0, whole), size, exponent);
    if (at < 0) return;
    const value = valueAt(all, at * size, size, exponent);
    this.#found = { tensor: tensor.name, element: (offset - begun) / size + at, value };
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Index of the first number whose exponent is all ones, or -1. */
function firstNotFinite(bytes: Uint8Array, size: 2 | 4, exponent: number): number {
  const view = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = view;
  if (size === 4) {
    const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
    for (let i = 0; i < words.length; i++) if ((words[i]! & exponent) === exponent) return i;
    return -1;
  }
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  for (let i = 0; i < halves.length; i++) if ((halves[i]! & exponent) === exponent) return i;
  return -1;
}

function valueAt(bytes: Uint8Array, at: number, size: 2 | 4, exponent: number): NotFinite["value"] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
  const [bits, sign] = size === 4 ? [view.getUint32(0, true), 2 ** 31] : [view.getUint16(0, true), 2 ** 15];
  const magnitude = bits >= sign ? bits - sign : bits;
  if (magnitude > exponent) return "NaN";
  return bits >= sign ? "-Infinity" : "Infinity";
}
