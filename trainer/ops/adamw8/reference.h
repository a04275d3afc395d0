// AdamW with block-wise quantised moments (Dettmers et al. 2022), one block of 256 elements after another.
#pragma once

#include <algorithm>

#include "../../native/generated/ops.h"
#include "../../native/runtime/dynamicMap.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

// The elements of a contiguous tensor of any shape, as one row.
inline Tensor flattened(const Tensor& t) {
  Tensor flat = t;
  flat.rank = 1;
  flat.dims[0] = t.count();
  for (int i = 1; i < 4; ++i) flat.dims[i] = 1;
  return flat;
}

// Writes a block's values as codes and their scale.
template <class Real>
void quantizeBlock(const Real* values, int64_t count, const float* map, const Tensor& codes, const Tensor& scales, int64_t block) {
  Real scale = 0;
  for (int64_t i = 0; i < count; ++i) scale = std::max(scale, std::fabs(values[i]));
  put<Real>(scales, block, scale);
  for (int64_t i = 0; i < count; ++i) {
    codes.data[block * dynamicBlock + i] = scale > 0 ? dynamicCode(map, values[i] / scale) : uint8_t{0};
  }
}

template <class Real>
void adamw8(const Adamw8& op) {
  const Tensor theta = flattened(op.theta), grad = flattened(op.grad);
  const Real beta1 = static_cast<Real>(op.beta1), rest1 = static_cast<Real>(op.oneMinusBeta1);
  const Real beta2 = static_cast<Real>(op.beta2), rest2 = static_cast<Real>(op.oneMinusBeta2);
  const Real rate = get<Real>(op.hyper, 0) * static_cast<Real>(op.learningRateScale);
  const Real stepSize = rate / get<Real>(op.hyper, 1), root2 = get<Real>(op.hyper, 2);
  const Real factor = get<Real>(op.factor, 0);
  for (int64_t first = 0; first < theta.count(); first += dynamicBlock) {
    const int64_t block = first / dynamicBlock, count = std::min(dynamicBlock, theta.count() - first);
    const Real mScale = get<Real>(op.mScale, block), vScale = get<Real>(op.vScale, block);
    Real m[dynamicBlock], v[dynamicBlock];
    for (int64_t i = 0; i < count; ++i) {
      const Real g = get<Real>(grad, first + i) * factor;
      m[i] = static_cast<Real>(signedDynamicMap[op.m.data[first + i]]) * mScale * beta1 + rest1 * g;
      v[i] = static_cast<Real>(unsignedDynamicMap[op.v.data[first + i]]) * vScale * beta2 + rest2 * g * g;
      const Real decayed = get<Real>(theta, first + i) * (Real(1) - rate * static_cast<Real>(op.weightDecay));
      put<Real>(theta, first + i, decayed - stepSize * (m[i] / (std::sqrt(v[i]) / root2 + static_cast<Real>(op.eps))));
    }
    quantizeBlock(m, count, signedDynamicMap, op.m, op.mScale, block);
    quantizeBlock(v, count, unsignedDynamicMap, op.v, op.vScale, block);
  }
}

}  // namespace luthier::reference
