// expertLinear on the CPU: one expert after another, each as `linear` on its rows.
#pragma once

#include "../../native/cpu/product.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

// Rows [first, last) of a matrix.
inline Tensor someRows(const Tensor& t, int64_t first, int64_t last) {
  Tensor rows = t;
  rows.data = t.data + first * t.stride * bytesOf(t.dtype);
  rows.dims[0] = last - first;
  return rows;
}

// body(expert, first, last) for each expert with rows.
template <class Body>
inline void forExperts(const Tensor& starts, int32_t experts, Body body) {
  for (int32_t e = 0; e < experts; ++e) {
    const int64_t first = indexAt(starts, e), last = indexAt(starts, e + 1);
    if (first < last) body(e, first, last);
  }
}

inline void expertLinear(const ExpertLinear& op, Workers& workers) {
  forExperts(op.starts, op.experts, [&](int32_t e, int64_t first, int64_t last) {
    const Tensor x = someRows(op.x, first, last), y = someRows(op.y, first, last);
    const Tensor tailX = op.tailX ? someRows(*op.tailX, first, last) : x;
    const Tensor bias = op.bias ? someRows(*op.bias, e, e + 1) : x;
    product<true>({x, op.w[e], op.tailX ? &tailX : nullptr, op.tailX ? &op.tailW[e] : nullptr, 1.0f, op.bias ? &bias : nullptr, nullptr, y}, workers);
  });
}

}  // namespace luthier::LUTHIER_ISA
