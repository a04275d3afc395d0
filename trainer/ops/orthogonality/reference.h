// loss += weight · ‖G − I‖, G the products of x's rows, or of its columns.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

#include <vector>

namespace luthier::reference {

// G − I, row-major.
template <class Real>
std::vector<Real> gramMinusOne(const Tensor& x, bool columns) {
  const int64_t r = columns ? x.cols() : x.rows(), depth = columns ? x.rows() : x.cols();
  std::vector<Real> gram(static_cast<size_t>(r * r));
  for (int64_t i = 0; i < r; ++i) {
    for (int64_t j = 0; j < r; ++j) {
      Real sum = i == j ? -1 : 0;
      for (int64_t k = 0; k < depth; ++k) {
        sum += columns ? get<Real>(x, k, i) * get<Real>(x, k, j) : get<Real>(x, i, k) * get<Real>(x, j, k);
      }
      gram[i * r + j] = sum;
    }
  }
  return gram;
}

template <class Real>
Real normOf(const std::vector<Real>& values) {
  Real squares = 0;
  for (const Real value : values) squares += value * value;
  return std::sqrt(squares);
}

template <class Real>
void orthogonality(const Orthogonality& op) {
  const Real norm = normOf(gramMinusOne<Real>(op.x, op.columns != 0));
  accumulate<double>(op.loss, 0, 0, static_cast<double>(static_cast<Real>(op.weight) * norm));
}

}  // namespace luthier::reference
