// The micro-kernel: a few rows of the left operand times one packed panel, sums in registers, K in order.
//
// A sum is one register lane from its first product to its last, so an element's bits do not depend on how many rows
// are computed beside it. Tiles: as many rows as registers allow (6 × 64 on AVX-512, 6 × 16 on AVX2), then 4, 2, 1. With AMX
// products of BF16 use its tiles instead (tileGemm.h).
#pragma once

#include "tileGemm.h"

namespace luthier::LUTHIER_ISA {

#ifdef __AVX512F__
inline constexpr int64_t panelVectors = 4;
#else
inline constexpr int64_t panelVectors = 2;
#endif
inline constexpr int64_t panelWidth = panelVectors * lanes;

template <int NR>
constexpr int tileRows() {
#ifdef __AVX512F__
  return NR == 4 ? 6 : NR == 3 ? 8 : 12;
#else
  return NR == 2 ? 6 : 10;
#endif
}

template <class C, int MR, int NR>
inline __attribute__((always_inline)) void addProducts(const LeftRows& a, const uint32_t* panel, int64_t units, F (&results)[MR][NR]) {
  // Copies, so that the compiler keeps every sum in a register for the whole loop.
  F sums[MR][NR];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NR; ++j) sums[i][j] = results[i][j];
  }
  const uint8_t* left = a.data;
  const int64_t rowBytes = a.rowBytes, unitBytes = a.unitBytes;
  for (int64_t unit = 0; unit < units; ++unit) {
    U right[NR];
#pragma GCC unroll 4
    for (int j = 0; j < NR; ++j) right[j] = loadWords(panel + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const U word = broadcastWord(left + i * rowBytes);
#pragma GCC unroll 4
      for (int j = 0; j < NR; ++j) sums[i][j] = C::multiplyAdd(sums[i][j], word, right[j]);
    }
    left += unitBytes;
    panel += NR * lanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NR; ++j) results[i][j] = sums[i][j];
  }
}

// Out: `start(row, vector) → F` gives a sum's first value, `finish(row, vector, F)` takes its last.
template <class C, int MR, int NR, class Out>
inline __attribute__((noinline)) void tile(const LeftRows& a, const uint32_t* panel, int64_t units, const Tail& tail, int64_t row, const Out& out) {
  F sums[MR][NR];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NR; ++j) sums[i][j] = tail.units > 0 ? zero() : out.start(row + i, j);
  }
  if (tail.units > 0) {
    addProducts<C, MR, NR>(tail.left.at(row, 0), tail.panel, tail.units, sums);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < NR; ++j) sums[i][j] = sums[i][j] * all(tail.scale) + out.start(row + i, j);
    }
  }
  addProducts<C, MR, NR>(a.at(row, 0), panel, units, sums);
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NR; ++j) out.finish(row + i, j, sums[i][j]);
  }
}

template <class C, int NR, class Out>
inline void multiplyVectors(const LeftRows& a, int64_t rows, const uint32_t* panel, int64_t units, const Tail& tail, const Out& out) {
  constexpr int MR = tileRows<NR>();
  int64_t row = 0;
  for (; row + MR <= rows; row += MR) tile<C, MR, NR>(a, panel, units, tail, row, out);
  for (; row + 4 <= rows; row += 4) tile<C, 4, NR>(a, panel, units, tail, row, out);
  for (; row + 2 <= rows; row += 2) tile<C, 2, NR>(a, panel, units, tail, row, out);
  for (; row < rows; ++row) tile<C, 1, NR>(a, panel, units, tail, row, out);
}

// rows × (vectors · lanes) sums over `units`.
template <class C, class Out>
inline void multiply(const LeftRows& a, int64_t rows, const uint32_t* panel, int64_t vectors, int64_t units, const Tail& tail, const Out& out) {
  if constexpr (C::tiles) {
    multiplyTiles(a, rows, panel, vectors, units, tail, out);
  } else {
    switch (vectors) {
      case 1: return multiplyVectors<C, 1>(a, rows, panel, units, tail, out);
      case 2: return multiplyVectors<C, 2>(a, rows, panel, units, tail, out);
#ifdef __AVX512F__
      case 3: return multiplyVectors<C, 3>(a, rows, panel, units, tail, out);
      default: return multiplyVectors<C, 4>(a, rows, panel, units, tail, out);
#else
      default: return;
#endif
    }
  }
}

// Sums into an F32 buffer, overwritten or added to.
struct ToFloats {
  float* data;
  int64_t stride;
  bool accumulate;

  F start(int64_t row, int64_t vector) const { return accumulate ? load(data + row * stride + vector * lanes, Whole{}) : zero(); }
  void finish(int64_t row, int64_t vector, F sum) const { store(data + row * stride + vector * lanes, sum, Whole{}); }
};

}  // namespace luthier::LUTHIER_ISA
