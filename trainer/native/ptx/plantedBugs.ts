/** Small kernels with one bug each, and the same kernels without it: what the interpreter must find, and must not report. */

export interface Kernel {
  readonly name: string;
  readonly blocks: number;
  readonly threads: number;
  readonly text: string;
}

interface Bug extends Kernel {
  readonly finds: RegExp;
}

/** A kernel of `entry`'s body, with the address of this thread's word in %own and the buffer in %base. */
const kernel = (body: string): string => `.visible .entry test(.param .u64 p, .param .u32 n) {
.reg .u64 %base, %own, %next; .reg .u32 %t, %i, %b, %s, %v, %w; .reg .pred %q; .reg .f32 %f;
.shared .align 4 .b8 words[1024];
ld.param.u64 %base, [p]; cvta.to.global.u64 %base, %base;
mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %i, %ntid.x; mad.lo.s32 %i, %b, %i, %t;
mul.wide.u32 %own, %i, 4; add.s64 %own, %base, %own;
mov.u32 %s, words; shl.b32 %w, %t, 2; add.u32 %s, %s, %w;
${body}
ret; }`;

/** Each thread passes its number to its neighbour through shared memory. */
const exchange = (barrier: string): string =>
  kernel(`st.shared.u32 [%s], %t;
${barrier}
xor.b32 %w, %t, 1; shl.b32 %w, %w, 2; mov.u32 %v, words; add.u32 %v, %v, %w;
ld.shared.u32 %v, [%v];
st.global.u32 [%own], %v;`);

/** Each thread copies its word to shared memory and hands its neighbour's on. */
const copied = (between: string): string =>
  kernel(`cp.async.ca.shared.global [%s], [%own], 4;
${between}
xor.b32 %w, %t, 1; shl.b32 %w, %w, 2; mov.u32 %v, words; add.u32 %v, %v, %w;
ld.shared.u32 %v, [%v];
st.global.u32 [%own], %v;`);

const copies: readonly (readonly [string, string, RegExp])[] = [
  ["a copy that nobody waits for", "bar.sync 0;", /read shared memory is written by an unfinished copy of thread/],
  [
    "a wait for the group before the copy's",
    "cp.async.commit_group;\ncp.async.wait_group 1;\nbar.sync 0;",
    /is written by an unfinished copy of thread/,
  ],
  ["a wait for groups without the copy", "cp.async.wait_group 0;\nbar.sync 0;", /is written by an unfinished copy of/],
  ["no barrier behind the wait", "cp.async.wait_all;", /a race: the (read|copied) shared memory is (written|read) by/],
  [
    "a write to the bytes of a copy",
    "st.shared.u32 [%s], %t;\ncp.async.wait_all;\nbar.sync 0;",
    /written shared memory is also written by an unfinished copy of/,
  ],
  ["an end before its copies", "ret;", /it ends before its copies/],
];

export const correct: readonly Kernel[] = [
  { name: "a copy with wait and barrier", blocks: 2, threads: 64, text: copied("cp.async.wait_all;\nbar.sync 0;") },
  {
    name: "a later group that is still under way, with zeros behind the bytes that it reads",
    blocks: 1,
    threads: 64,
    text: copied(`cp.async.commit_group;
add.u32 %v, %s, 512; mov.u32 %w, 0;
cp.async.ca.shared.global [%v], [%own], 4, %w;
cp.async.commit_group;
cp.async.wait_group 1;
bar.sync 0;`).replace(
      "st.global.u32 [%own], %v;",
      "add.u32 %s, %s, 512;\ncp.async.wait_group 0;\nld.shared.u32 %w, [%s];\nadd.u32 %v, %v, %w;\nst.global.u32 [%own], %v;",
    ),
  },
  { name: "an exchange with a barrier of the block", blocks: 2, threads: 64, text: exchange("bar.sync 0;") },
  {
    name: "an exchange inside of a warp with its barrier",
    blocks: 1,
    threads: 32,
    text: exchange("bar.warp.sync 0xffffffff;"),
  },
  {
    name: "threads that leave early",
    blocks: 1,
    threads: 64,
    text: kernel("setp.ge.u32 %q, %t, 40;\n@%q ret;\nst.global.u32 [%own], %t;\nbar.sync 0;"),
  },
  {
    name: "lanes that diverge and meet at a shuffle",
    blocks: 1,
    threads: 32,
    text: kernel(`and.b32 %v, %t, 1; setp.eq.u32 %q, %v, 0; mov.u32 %v, 1;
@%q bra EVEN;
add.u32 %v, %v, 1;
EVEN: shfl.sync.bfly.b32 %v, %v, 1, 0x1f, 0xffffffff;
st.global.u32 [%own], %v;`),
  },
];

export const bugs: readonly Bug[] = [
  ...copies.map(([name, between, finds]) => ({ name, blocks: 1, threads: 64, text: copied(between), finds })),
  {
    name: "a missing barrier of the block",
    blocks: 1,
    threads: 64,
    text: exchange(""),
    finds: /a race: the (read|written) shared memory/,
  },
  {
    name: "a missing barrier of the warp",
    blocks: 1,
    threads: 32,
    text: exchange(""),
    finds: /a race: the (read|written) shared memory/,
  },
  {
    name: "a barrier of the warp where warps exchange",
    blocks: 1,
    threads: 64,
    text: exchange("bar.warp.sync 0xffffffff;").replace("xor.b32 %w, %t, 1", "xor.b32 %w, %t, 32"),
    finds: /a race: the (read|written) shared memory/,
  },
  {
    name: "two blocks that write one word",
    blocks: 2,
    threads: 32,
    text: kernel("setp.eq.u32 %q, %t, 0;\n@%q st.global.u32 [%base], %b;"),
    finds: /a race: the written memory is also written by thread 0 of block/,
  },
  {
    name: "a block that reads what another writes",
    blocks: 2,
    threads: 32,
    text: kernel(
      "st.global.u32 [%own], %t;\nxor.b32 %v, %i, 32; mul.wide.u32 %next, %v, 4; add.s64 %next, %base, %next;\nld.global.u32 %v, [%next];",
    ),
    finds: /a race: the (read|written) memory is (read by another block|written by)/,
  },
  {
    name: "a write behind the end of the memory",
    blocks: 1,
    threads: 32,
    text: kernel("st.global.u32 [%own+4096], %t;"),
    finds: /an access outside of device memory/,
  },
  {
    name: "an address that is not aligned",
    blocks: 1,
    threads: 1,
    text: kernel("ld.global.u32 %v, [%base+2];\nst.global.u32 [%base], %v;"),
    finds: /the address is not a multiple of 4/,
  },
  {
    name: "shared memory behind its end",
    blocks: 1,
    threads: 1,
    text: kernel("st.shared.u32 [%s+1024], %t;"),
    finds: /the address lies outside of its space/,
  },
  {
    name: "a null pointer to shared memory",
    blocks: 1,
    threads: 1,
    text: kernel("mov.u32 %s, 0;\nst.shared.u32 [%s], %t;"),
    finds: /the shared address is null/,
  },
  {
    name: "a barrier that a part of a warp does not reach",
    blocks: 1,
    threads: 32,
    text: kernel(
      "and.b32 %v, %t, 1; setp.eq.u32 %q, %v, 0;\n@%q bra EVEN;\nbar.sync 0;\nst.global.u32 [%own], %t;\nret;\nEVEN: st.global.u32 [%own], %t;\nbar.sync 0;",
    ),
    finds: /not all lanes (of the warp )?reach it/,
  },
  {
    name: "a shuffle that lanes of its mask do not reach",
    blocks: 1,
    threads: 32,
    text: kernel(
      "and.b32 %v, %t, 1; setp.eq.u32 %q, %v, 0;\n@%q bra EVEN;\nshfl.sync.bfly.b32 %v, %t, 1, 0x1f, 0xffffffff;\nst.global.u32 [%own], %v;\nret;\nEVEN: shfl.sync.bfly.b32 %v, %t, 1, 0x1f, 0xffffffff;\nst.global.u32 [%own], %v;",
    ),
    finds: /not all lanes reach it/,
  },
];
