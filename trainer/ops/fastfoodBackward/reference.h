// u = Pᵀ·dY; dX = scale·u, dScale = x·u.
#pragma once

#include "../fastfood/reference.h"

namespace luthier::reference {

template <class Real>
void fastfoodBackward(const FastfoodBackward& op) {
  const int64_t n = fastfoodSize(op);
  const Permutation permutation(n, op.seed, op.layer);
  std::vector<Real> v(static_cast<size_t>(n)), u(static_cast<size_t>(n));
  for (int64_t r = 0; r < op.out; ++r) {
    for (int64_t c = 0; c < op.in; ++c) v[static_cast<size_t>(r * op.in + c)] = get<Real>(op.dY, r, c);
  }
  walshHadamard(v);
  for (int64_t i = 0; i < n; ++i) u[static_cast<size_t>(permutation.at(i))] = fastfoodNormal<Real>(op, i) * v[static_cast<size_t>(i)];
  walshHadamard(u);
  const Real factor = fastfoodFactor<Real>(op, n), scale = op.scale ? get<Real>(*op.scale, 0) : Real(1);
  Real product = 0;
  for (int64_t i = 0; i < op.x.count(); ++i) {
    const Real one = factor * fastfoodSign<Real>(op, i) * u[static_cast<size_t>(i)];
    put<Real>(op.dX, i, scale * one);
    product += get<Real>(op.x, i) * one;
  }
  if (op.dScale) put<Real>(*op.dScale, 0, product);
}

}  // namespace luthier::reference
