/** Instructions with operands and the result that the PTX ISA defines, as bits. */

export interface Instruction {
  readonly opcode: string;
  /** Types of destination and sources; the last counts for all that follow. */
  readonly register: string;
  readonly inputs: readonly bigint[];
  readonly result: bigint;
  /** Size of the result. */
  readonly bytes: number;
}

const widths: Record<string, number> = { pred: 1, "16": 2, "32": 4, "64": 8 };

function row(
  opcode: string,
  register: string,
  inputs: readonly (number | bigint)[],
  result: number | bigint,
): Instruction {
  const type = register.split(" ")[0] ?? "";
  const bytes = widths[type === "pred" ? type : type.slice(1)] ?? 4;
  const bits = inputs.map((value) => BigInt.asUintN(64, BigInt(value)));
  return { opcode, register, inputs: bits, result: BigInt.asUintN(8 * bytes, BigInt(result)), bytes };
}

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** The bits of a float. */
function f(value: number): number {
  floats[0] = value;
  return words[0] ?? 0;
}

const doubles = new Float64Array(1);
const longs = new BigUint64Array(doubles.buffer);

function d(value: number): bigint {
  doubles[0] = value;
  return longs[0] ?? 0n;
}

const nan = 0x7fffffff;

export const instructions: readonly Instruction[] = [
  // Integers wrap.
  row("add.s32", "b32", [0x7fffffff, 1], 0x80000000),
  row("sub.u64", "b64", [0, 1], 0xffffffffffffffffn),
  row("mul.lo.s32", "b32", [0x10001, 0x10001], 0x20001),
  row("mul.hi.u32", "b32", [0xffffffff, 0xffffffff], 0xfffffffe),
  row("mul.hi.s32", "b32", [-1, 2], -1),
  row("mul.wide.s32", "b64 b32", [-2, 3], -6),
  row("mul.wide.u32", "b64 b32", [0xffffffff, 2], 0x1fffffffen),
  row("mad.lo.s64", "b64", [3, 4, 5], 17),
  row("mad.wide.u32", "b64 b32 b32 b64", [0xffffffff, 2, 1], 0x1ffffffffn),
  row("div.s32", "b32", [-7, 2], -3),
  row("rem.s32", "b32", [-7, 2], -1),
  row("div.u32", "b32", [0xfffffff9, 2], 0x7ffffffc),
  row("min.s32", "b32", [-1, 1], -1),
  row("min.u32", "b32", [-1, 1], 1),
  row("min.s64", "b64", [-1, 1], -1),
  row("abs.s32", "b32", [-5], 5),
  row("neg.s32", "b32", [5], -5),
  // Bits.
  row("shl.b32", "b32", [1, 31], 0x80000000),
  row("shl.b32", "b32", [1, 32], 0),
  row("shr.u32", "b32", [0x80000000, 31], 1),
  row("shr.s32", "b32", [0x80000000, 40], 0xffffffff),
  row("shr.s64", "b64 b64 b32", [-16, 2], -4),
  row("not.b32", "b32", [0x0f0f0f0f], 0xf0f0f0f0),
  row("bfi.b32", "b32", [0xff, 0x12345678, 8, 8], 0x1234ff78),
  row("bfe.u32", "b32", [0x12345678, 8, 8], 0x56),
  row("prmt.b32", "b32", [0x33221100, 0x77665544, 0x7610], 0x77661100),
  row("lop3.b32", "b32", [0xf0, 0xcc, 0xaa, 0x96], 0x96),
  row("lop3.b32", "b32", [0xf0, 0xcc, 0xaa, 0xe8], 0xe8),
  row("shf.l.wrap.b32", "b32", [0x80000000, 0x1, 4], 0x18),
  row("shf.r.wrap.b32", "b32", [0x10, 0x1, 4], 0x10000001),
  row("clz.b32", "b32", [0x00010000], 15),
  row("popc.b32", "b32", [0xf0f0], 8),
  row("selp.b32", "b32 b32 b32 pred", [1, 2, 1], 1),
  row("selp.b32", "b32 b32 b32 pred", [1, 2, 0], 2),
  // Comparisons: false with NaN, unless the name ends with u.
  row("setp.lt.s32", "pred b32", [-1, 1], 1),
  row("setp.lo.u32", "pred b32", [-1, 1], 0),
  row("setp.eq.b32", "pred b32", [7, 7], 1),
  row("setp.ne.s16", "pred b16", [-1, 1], 1),
  row("setp.lt.f32", "pred f32", [nan, f(1)], 0),
  row("setp.ltu.f32", "pred f32", [nan, f(1)], 1),
  row("setp.ne.f32", "pred f32", [nan, f(1)], 0),
  row("setp.neu.f32", "pred f32", [nan, f(1)], 1),
  row("setp.nan.f32", "pred f32", [nan, f(1)], 1),
  row("setp.gt.and.f32", "pred f32 f32 pred", [f(2), f(1), 0], 0),
  row("setp.gt.or.f32", "pred f32 f32 pred", [f(0), f(1), 1], 1),
  // Floats.
  row("add.rn.f32", "f32", [f(1), f(2 ** -24)], f(1)),
  row("add.rn.f32", "f32", [f(1), f(3 * 2 ** -25)], f(1 + 2 ** -23)),
  row("mul.rn.f32", "f32", [f(1 + 2 ** -23), f(1 + 2 ** -23)], f(1 + 2 ** -22)),
  row("fma.rn.f32", "f32", [f(1 + 2 ** -23), f(1 + 2 ** -23), f(-(1 + 2 ** -22))], f(2 ** -46)),
  row("fma.rm.f32", "f32", [f(1), f(1), f(2 ** -30)], f(1)),
  row("fma.rp.f32", "f32", [f(1), f(1), f(2 ** -30)], f(1 + 2 ** -23)),
  row("fma.rz.f32", "f32", [f(-1), f(1), f(-(2 ** -30))], f(-1)),
  row("div.rn.f32", "f32", [f(1), f(3)], 0x3eaaaaab),
  row("sqrt.rn.f32", "f32", [f(2)], 0x3fb504f3),
  row("rcp.rn.f32", "f32", [f(3)], 0x3eaaaaab),
  row("max.f32", "f32", [nan, f(1)], f(1)),
  row("min.f32", "f32", [f(0), f(-0)], f(-0)),
  row("abs.f32", "f32", [f(-2)], f(2)),
  row("neg.f32", "f32", [f(2)], f(-2)),
  row("ex2.approx.ftz.f32", "f32", [f(3)], f(8)),
  row("fma.rn.f64", "f64", [d(1 + 2 ** -52), d(1 + 2 ** -52), d(-(1 + 2 ** -51))], d(2 ** -104)),
  row("sqrt.rn.f64", "f64", [d(2)], d(Math.SQRT2)),
  // Conversions: to nearest even, to zero, clamped.
  row("cvt.rn.f32.s32", "f32 b32", [0x1000001], f(0x1000000)),
  row("cvt.rn.f32.u64", "f32 b64", [0xffffffffffffffffn], f(2 ** 64)),
  row("cvt.rzi.s32.f32", "b32 f32", [f(-1.75)], -1),
  row("cvt.rni.s32.f32", "b32 f32", [f(2.5)], 2),
  row("cvt.rmi.s32.f32", "b32 f32", [f(-1.25)], -2),
  row("cvt.rzi.s32.f32", "b32 f32", [f(1e20)], 0x7fffffff),
  row("cvt.rzi.u32.f32", "b32 f32", [f(-1)], 0),
  row("cvt.rzi.s32.f32", "b32 f32", [nan], 0),
  row("cvt.rn.f32.f64", "f32 f64", [d(1 + 2 ** -24)], f(1)),
  row("cvt.f64.f32", "f64 f32", [f(1.5)], d(1.5)),
  row("cvt.rpi.f32.f32", "f32", [f(1.25)], f(2)),
  row("cvt.sat.f32.f32", "f32", [f(1.5)], f(1)),
  row("cvt.s64.s32", "b64 b32", [-2], -2),
  row("cvt.u64.u32", "b64 b32", [-2], 0xfffffffen),
  row("cvt.u32.u64", "b32 b64", [0x1_2345_6789n], 0x23456789),
  row("cvt.u16.u32", "b16 b32", [0x12345], 0x2345),
  row("cvt.rn.bf16.f32", "b16 f32", [0x3f808000], 0x3f80),
  row("cvt.rn.bf16.f32", "b16 f32", [0x3f818000], 0x3f82),
  row("cvt.rn.bf16x2.f32", "b32 f32", [f(1), f(2)], 0x3f804000),
];
