// fastfood on the CPU: the padding's transform only repeats that of x, so one vector of n is transformed: in blocks that fit into a
// cache, then across the blocks in strips of columns.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/pack.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/fastfood.h"

namespace luthier::LUTHIER_ISA {

inline constexpr int64_t walshBlock = 4096, walshStrip = 64;

// Sums and differences of `count` pairs.
inline void butterfly(float* a, float* b, int64_t count) {
  forLanes(count, [&](int64_t i, auto n) {
    const F x = load(a + i, n), y = load(b + i, n);
    store(a + i, x + y, n);
    store(b + i, x - y, n);
  });
}

// v = H·v of a power of two of at most walshBlock elements.
inline void walshOfBlock(float* v, int64_t size) {
  for (int64_t half = 1; half < size; half *= 2) {
    for (int64_t first = 0; first < size; first += 2 * half) {
      if (half >= 8) {
        butterfly(v + first, v + first + half, half);
        continue;
      }
      for (int64_t i = first; i < first + half; ++i) {
        const float a = v[i], b = v[i + half];
        v[i] = a + b;
        v[i + half] = a - b;
      }
    }
  }
}

// v = H·v of a power of two.
inline void walshHadamard(float* v, int64_t size, Workers& workers) {
  const int64_t block = smaller(size, walshBlock), blocks = size / block;
  forTasks(workers, blocks, [&](int64_t task, int32_t) { walshOfBlock(v + task * block, block); });
  if (blocks == 1) return;
  forTasks(workers, block / walshStrip, [&](int64_t task, int32_t) {
    float* strip = v + task * walshStrip;
    for (int64_t half = 1; half < blocks; half *= 2) {
      for (int64_t first = 0; first < blocks; first += 2 * half) {
        for (int64_t i = first; i < first + half; ++i) butterfly(strip + i * block, strip + (i + half) * block, walshStrip);
      }
    }
  });
}

inline float fastfoodNormal(uint32_t word) {
  return static_cast<float>(normalOf<double>(word, [](double p) { return __builtin_sqrt(-logarithm(p)); }));
}

// The buffers of one call, and the random parts.
struct FastfoodCall {
  int64_t elements, dimension, size, period;
  int32_t seed, layer;
  float *vector, *small;
  double* squares;

  template <class Op>
  FastfoodCall(const Op& op, Workers& workers)
      : elements(static_cast<int64_t>(op.out) * op.in),
        dimension(op.x.count()),
        size(powerOfTwo(larger(elements, dimension))),
        period(powerOfTwo(dimension)),
        seed(op.seed),
        layer(op.layer) {
    const int64_t pieces = ceilDivide(size, walshBlock);
    Carver carver(workers.sharedScratch(Carver::bytes<float>(size) + Carver::bytes<float>(period) + Carver::bytes<double>(pieces)));
    vector = carver.take<float>(size);
    small = carver.take<float>(period);
    squares = carver.take<double>(pieces);
  }

  float sign(int64_t i) const { return (fastfoodBlock(i / 4, fastfoodSigns, seed, layer).words[i % 4] >> 31) != 0 ? -1.0f : 1.0f; }

  // visit(i, G of i) for every element; returns 1/√(elements·Σ G²).
  template <class Visit>
  float forNormals(Workers& workers, Visit visit) const {
    forPieces(workers, size, walshBlock, [&](int64_t first, int64_t last) {
      double sum = 0;
      for (int64_t i = first; i < last; i += 4) {
        const PhiloxBlock random = fastfoodBlock(i / 4, fastfoodNormals, seed, layer);
        for (int64_t k = 0; k < 4 && i + k < last; ++k) {
          const float g = fastfoodNormal(random.words[k]);
          visit(i + k, g);
          sum += static_cast<double>(g) * static_cast<double>(g);
        }
      }
      squares[first / walshBlock] = sum;
    });
    double total = 0;
    for (int64_t piece = 0; piece < ceilDivide(size, walshBlock); ++piece) total += squares[piece];
    return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(elements) * total));
  }
};

inline void fastfood(const Fastfood& op, Workers& workers) {
  const FastfoodCall call(op, workers);
  const Permutation permutation(call.size, op.seed, op.layer);
  for (int64_t i = 0; i < call.period; ++i) call.small[i] = i < call.dimension ? call.sign(i) * elementOf(op.x, 0, i) : 0.0f;
  walshHadamard(call.small, call.period, workers);
  const float factor = call.forNormals(workers, [&](int64_t i, float g) { call.vector[i] = g * call.small[permutation.at(i) & (call.period - 1)]; });
  walshHadamard(call.vector, call.size, workers);
  const F scale = all(factor * (op.scale ? elementOf(*op.scale, 0, 0) : 1.0f));
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.in, [&](int64_t c, auto n) { storeAny(op.y, r, c, scale * load(call.vector + r * op.in + c, n), n); });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
