// fastfoodBackward on the CPU: elements that the permutation brings to one place of x are added in order.
#pragma once

#include "../fastfood/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void fastfoodBackward(const FastfoodBackward& op, Workers& workers) {
  const FastfoodCall call(op, workers);
  const Permutation permutation(call.size, op.seed, op.layer);
  float* v = call.vector;
  forRows(workers, op.dY, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.in, [&](int64_t c, auto n) { store(v + r * op.in + c, loadAny(op.dY, r, c, n), n); });
    }
  });
  __builtin_memset(v + call.elements, 0, static_cast<size_t>(call.size - call.elements) * 4);
  walshHadamard(v, call.size, workers);
  const float factor = call.forNormals(workers, [&](int64_t i, float g) { v[i] *= g; });
  forPieces(workers, call.period, 64, [&](int64_t first, int64_t last) {
    for (int64_t j = first; j < last; ++j) {
      float sum = 0;
      for (int64_t at = j; at < call.size; at += call.period) sum += v[permutation.placeOf(at)];
      call.small[j] = sum;
    }
  });
  walshHadamard(call.small, call.period, workers);
  const float scale = op.scale ? elementOf(*op.scale, 0, 0) : 1.0f;
  double product = 0;
  for (int64_t i = 0; i < call.dimension; ++i) {
    const float u = factor * call.sign(i) * call.small[i];
    storeAny(op.dX, 0, i, all(scale * u), Part{1});
    product += static_cast<double>(elementOf(op.x, 0, i)) * static_cast<double>(u);
  }
  if (op.dScale) storeAny(*op.dScale, 0, 0, all(static_cast<float>(product)), Part{1});
}

}  // namespace luthier::LUTHIER_ISA
