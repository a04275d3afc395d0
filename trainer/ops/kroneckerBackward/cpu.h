// kroneckerBackward on the CPU: at most 16 pieces of tokens, each with its own sums of dA and dB, added in order.
#pragma once

#include "../../native/generated/ops.h"
#include "../kronecker/cpu.h"

namespace luthier::LUTHIER_ISA {

// One row: dx, and its part of dA [l, m] and dB [k, n]. mixed and dMixed [l, n].
inline void kroneckerRowBackward(const KroneckerBackward& op, int64_t t, float* mixed, float* dMixed, float* dA, float* dB) {
  const int64_t l = op.a.rows(), m = op.a.cols(), k = op.b.rows(), n = op.b.cols();
  mixBlocks(op.a, op.x, t, n, mixed);
  const auto dy = [&](int64_t i, int64_t j) { return all(op.scale * elementOf(op.dy, t, i * k + j)); };
  for (int64_t i = 0; i < l; ++i) {
    forLanes(n, [&](int64_t d, auto count) {
      F sum = zero();
      for (int64_t j = 0; j < k; ++j) sum = fma(dy(i, j), loadAny(op.b, j, d, count), sum);
      store(dMixed + i * n + d, sum, count);
    });
  }
  for (int64_t i = 0; i < l; ++i) {
    for (int64_t c = 0; c < m; ++c) {
      F sum = zero();
      forLanes(n, [&](int64_t d, auto count) {
        sum = fma(load(dMixed + i * n + d, count), loadAny(op.x, t, c * n + d, count), sum);
      });
      dA[i * m + c] += sumOf(sum);
    }
  }
  for (int64_t j = 0; j < k; ++j) {
    forLanes(n, [&](int64_t d, auto count) {
      F sum = load(dB + j * n + d, count);
      for (int64_t i = 0; i < l; ++i) sum = fma(dy(i, j), load(mixed + i * n + d, count), sum);
      store(dB + j * n + d, sum, count);
    });
  }
  for (int64_t c = 0; c < m; ++c) {
    forLanes(n, [&](int64_t d, auto count) {
      F sum = zero();
      for (int64_t i = 0; i < l; ++i) sum = fma(all(elementOf(op.a, i, c)), load(dMixed + i * n + d, count), sum);
      storeAny(op.dx, t, c * n + d, sum, count);
    });
  }
}

// into += the pieces' sums, in order.
inline void addPieces(const Tensor* into, const float* sums, int64_t pieces, int64_t stride, Workers& workers) {
  if (!into) return;
  float* to = into->row<float>(0);
  forPieces(workers, into->rows() * into->cols(), 1024, [&](int64_t first, int64_t last) {
    forLanes(last - first, [&](int64_t e, auto count) {
      F sum = load(to + first + e, count);
      for (int64_t piece = 0; piece < pieces; ++piece) sum = sum + load(sums + piece * stride + first + e, count);
      store(to + first + e, sum, count);
    });
  });
}

inline void kroneckerBackward(const KroneckerBackward& op, Workers& workers) {
  const int64_t T = op.x.rows(), ofRow = op.a.rows() * op.b.cols();
  const int64_t rows = larger(64, ceilDivide(T, 16)), pieces = ceilDivide(T, rows);
  const int64_t ofA = roundUp(op.a.rows() * op.a.cols(), lanes), stride = ofA + roundUp(op.b.rows() * op.b.cols(), lanes);
  float* sums = reinterpret_cast<float*>(workers.sharedScratch(pieces * stride * 4));
  forTasks(workers, pieces, [&](int64_t piece, int32_t thread) {
    Carver carver(workers.threadScratch(thread, 2 * Carver::bytes<float>(ofRow)));
    float *mixed = carver.take<float>(ofRow), *dMixed = carver.take<float>(ofRow), *dA = sums + piece * stride;
    __builtin_memset(dA, 0, static_cast<size_t>(stride) * 4);
    for (int64_t t = piece * rows; t < smaller(T, (piece + 1) * rows); ++t) {
      kroneckerRowBackward(op, t, mixed, dMixed, dA, dA + ofA);
    }
  });
  addPieces(op.dA, sums, pieces, stride, workers);
  addPieces(op.dB, sums + ofA, pieces, stride, workers);
}

}  // namespace luthier::LUTHIER_ISA
