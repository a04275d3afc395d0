/**
 * The curve of a run as a TensorBoard event file: records of TFRecord, each a protocol buffer `tensorflow.Event` with the
 * scalars of one step. Pure. The few fields that scalars need are encoded here; the bytes equal those of TensorBoard's own
 * writer (test/golden/eventFile.test.ts). Tags are those of transformers' and TRL's callbacks, so that charts line up.
 *
 * `Event`: wall_time (1, double), step (2, int64), file_version (3, string) or summary (5). `Summary`: value (1, repeated).
 * `Value`: tag (1, string), simple_value (2, float).
 */
import type { Progress } from "../contract/progress.ts";

const scalars: readonly (readonly [tag: string, (line: Progress) => number | undefined])[] = [
  ["train/loss", ({ loss }) => loss],
  ["train/grad_norm", ({ gradNorm }) => gradNorm],
  ["train/learning_rate", ({ learningRate }) => learningRate],
  ["train/epoch", ({ epoch }) => epoch],
  ["train/tokens_per_second", ({ tokensPerSecond }) => tokensPerSecond],
  ["train/rewards/accuracies", ({ rewardAccuracy }) => rewardAccuracy],
  ["train/rewards/margins", ({ rewardMargin }) => rewardMargin],
  ["eval/loss", ({ evalLoss }) => evalLoss],
  ["eval/rewards/accuracies", ({ evalRewardAccuracy }) => evalRewardAccuracy],
  ["eval/rewards/margins", ({ evalRewardMargin }) => evalRewardMargin],
];

/** The file for the lines of metrics.jsonl. A longer curve's file begins with the bytes of a shorter one's. */
export function eventFile(lines: readonly Progress[]): Buffer {
  const [first] = lines;
  if (first === undefined) return Buffer.alloc(0);
  const version = Buffer.concat([wallTime(first), text(3, "brain.Event:2")]);
  return Buffer.concat([version, ...lines.map(stepEvent)].map(record));
}

function stepEvent(line: Progress): Buffer {
  const values = written.flatMap(({ read, zero }) => {
    const value = read(line);
    if (value === undefined) return [];
    const data = Buffer.from(zero);
    data.writeFloatLE(value, data.length - 4);
    return [data];
  });
  return Buffer.concat([wallTime(line), integer(2, line.done), bytes(5, Buffer.concat(values))]);
}

const wallTime = ({ time }: Progress) => double(1, Date.parse(time) / 1000);

/** Wire types of protocol buffers. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const key = (field: number, type: number) => varint(field * 8 + type);

/** An unsigned integer up to 2^53, seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) parts.push((rest % 128) + 128);
  return Buffer.from([...parts, rest]);
}

/** Proto3 omits a zero. */
const integer = (field: number, value: number) =>
  value === 0 ? Buffer.alloc(0) : Buffer.concat([key(field, wire.varint), varint(value)]);

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, wire.fixed64), data]);
}

const bytes = (field: number, data: Buffer) => Buffer.concat([key(field, wire.bytes), varint(data.length), data]);
const text = (field: number, words: string) => bytes(field, Buffer.from(words));

/**
 * The `Value` of each scalar at 0, encoded once, because a long run has many. It ends with the four bytes of its number, which is
 * a member of a oneof, so that zero is written too.
 */
const written = scalars.map(([tag, read]) => {
  const number = Buffer.concat([key(2, wire.fixed32), Buffer.alloc(4)]);
  return { read, zero: bytes(1, Buffer.concat([text(1, tag), number])) };
});

/** TFRecord: the length in 8 bytes, its checksum, the data, its checksum; little-endian. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, checksum(length), data, checksum(data)]);
}

/** CRC-32C, rotated and offset as TFRecord has it, so that the checksum of a checksum is none. */
function checksum(data: Buffer): Buffer {
  const crc = crc32c(data);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** Castagnoli's polynomial, reflected. */
const polynomial = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  return crc;
});

function crc32c(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
