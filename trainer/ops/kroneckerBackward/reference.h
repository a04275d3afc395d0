// dx[t,(c,d)] = scale · Σ dy[t,(i,j)]·a[i,c]·b[j,d]; dA[i,c] and dB[j,d] alike, over all tokens.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void kroneckerBackward(const KroneckerBackward& op) {
  const int64_t T = op.x.rows(), l = op.a.rows(), m = op.a.cols(), k = op.b.rows(), n = op.b.cols();
  const Real scale = static_cast<Real>(op.scale);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t c = 0; c < m; ++c) {
      for (int64_t d = 0; d < n; ++d) {
        Real sum = 0;
        for (int64_t i = 0; i < l; ++i) {
          for (int64_t j = 0; j < k; ++j) sum += get<Real>(op.dy, t, i * k + j) * get<Real>(op.a, i, c) * get<Real>(op.b, j, d);
        }
        put<Real>(op.dx, t, c * n + d, scale * sum);
      }
    }
  }
  for (int64_t i = 0; op.dA && i < l; ++i) {
    for (int64_t c = 0; c < m; ++c) {
      Real sum = 0;
      for (int64_t t = 0; t < T; ++t) {
        for (int64_t j = 0; j < k; ++j) {
          Real mixed = 0;
          for (int64_t d = 0; d < n; ++d) mixed += get<Real>(op.b, j, d) * get<Real>(op.x, t, c * n + d);
          sum += get<Real>(op.dy, t, i * k + j) * mixed;
        }
      }
      accumulate<Real>(*op.dA, i, c, scale * sum);
    }
  }
  for (int64_t j = 0; op.dB && j < k; ++j) {
    for (int64_t d = 0; d < n; ++d) {
      Real sum = 0;
      for (int64_t t = 0; t < T; ++t) {
        for (int64_t i = 0; i < l; ++i) {
          Real mixed = 0;
          for (int64_t c = 0; c < m; ++c) mixed += get<Real>(op.a, i, c) * get<Real>(op.x, t, c * n + d);
          sum += get<Real>(op.dy, t, i * k + j) * mixed;
        }
      }
      accumulate<Real>(*op.dB, j, d, scale * sum);
    }
  }
}

}  // namespace luthier::reference
