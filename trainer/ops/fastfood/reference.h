// y = scale/√(out·in·Σ G²) · H·G·Π·H·B·x, of which the first out·in elements are taken.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/fastfood.h"
#include "../../native/runtime/reference.h"

#include <vector>

namespace luthier::reference {

// v = H·v, with H of Sylvester's order and entries ±1.
template <class Real>
void walshHadamard(std::vector<Real>& v) {
  for (size_t half = 1; half < v.size(); half *= 2) {
    for (size_t i = 0; i < v.size(); ++i) {
      if ((i & half) != 0) continue;
      const Real a = v[i], b = v[i + half];
      v[i] = a + b;
      v[i + half] = a - b;
    }
  }
}

template <class Op>
uint32_t fastfoodWord(const Op& op, int64_t i, uint32_t stream) {
  return fastfoodBlock(i / 4, stream, op.seed, op.layer).words[i % 4];
}

template <class Real, class Op>
Real fastfoodSign(const Op& op, int64_t i) {
  return (fastfoodWord(op, i, fastfoodSigns) >> 31) != 0 ? Real(-1) : Real(1);
}

template <class Real, class Op>
Real fastfoodNormal(const Op& op, int64_t i) {
  return normalOf<Real>(fastfoodWord(op, i, fastfoodNormals), [](Real p) { return std::sqrt(-std::log(p)); });
}

// 1/√(out·in·Σ G²), G of n elements.
template <class Real, class Op>
Real fastfoodFactor(const Op& op, int64_t n) {
  Real squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += fastfoodNormal<Real>(op, i) * fastfoodNormal<Real>(op, i);
  return 1 / std::sqrt(static_cast<Real>(op.out) * static_cast<Real>(op.in) * squares);
}

template <class Op>
int64_t fastfoodSize(const Op& op) {
  const int64_t elements = static_cast<int64_t>(op.out) * op.in, d = op.x.count();
  return powerOfTwo(elements > d ? elements : d);
}

template <class Real>
void fastfood(const Fastfood& op) {
  const int64_t n = fastfoodSize(op);
  const Permutation permutation(n, op.seed, op.layer);
  std::vector<Real> signedX(static_cast<size_t>(n)), v(static_cast<size_t>(n));
  for (int64_t i = 0; i < op.x.count(); ++i) signedX[static_cast<size_t>(i)] = fastfoodSign<Real>(op, i) * get<Real>(op.x, i);
  walshHadamard(signedX);
  for (int64_t i = 0; i < n; ++i) v[static_cast<size_t>(i)] = fastfoodNormal<Real>(op, i) * signedX[static_cast<size_t>(permutation.at(i))];
  walshHadamard(v);
  const Real factor = (op.scale ? get<Real>(*op.scale, 0) : Real(1)) * fastfoodFactor<Real>(op, n);
  for (int64_t r = 0; r < op.out; ++r) {
    for (int64_t c = 0; c < op.in; ++c) put<Real>(op.y, r, c, factor * v[static_cast<size_t>(r * op.in + c)]);
  }
}

}  // namespace luthier::reference
