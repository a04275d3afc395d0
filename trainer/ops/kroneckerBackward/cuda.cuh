// kroneckerBackward on a GPU: a thread an element of dx (pass 0), dA (1) or dB (2), the tokens in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

template <class T>
__device__ __forceinline__ void kroneckerInput(const KroneckerBackward& op) {
  const int64_t l = op.a.rows(), k = op.b.rows(), n = op.b.cols();
  forElements(op.dx, [&](int64_t t, int64_t column) {
    const int64_t c = column / n, d = column % n;
    float sum = 0;
    for (int64_t i = 0; i < l; ++i) {
      float inner = 0;
      for (int64_t j = 0; j < k; ++j) inner = fmaf(load(op.dy.row<T>(t) + i * k + j), elementOf(op.b, j, d), inner);
      sum = fmaf(elementOf(op.a, i, c), inner, sum);
    }
    store(op.dx.row<T>(t) + column, op.scale * sum);
  });
}

template <class T>
__device__ __forceinline__ void kroneckerLeft(const KroneckerBackward& op) {
  const int64_t T_ = op.x.rows(), k = op.b.rows(), n = op.b.cols();
  forElements(*op.dA, [&](int64_t i, int64_t c) {
    float sum = 0;
    for (int64_t t = 0; t < T_; ++t) {
      for (int64_t j = 0; j < k; ++j) {
        float mixed = 0;
        for (int64_t d = 0; d < n; ++d) mixed = fmaf(elementOf(op.b, j, d), load(op.x.row<T>(t) + c * n + d), mixed);
        sum = fmaf(load(op.dy.row<T>(t) + i * k + j), mixed, sum);
      }
    }
    op.dA->row<float>(i)[c] += op.scale * sum;
  });
}

template <class T>
__device__ __forceinline__ void kroneckerRight(const KroneckerBackward& op) {
  const int64_t T_ = op.x.rows(), l = op.a.rows(), m = op.a.cols(), k = op.b.rows(), n = op.b.cols();
  forElements(*op.dB, [&](int64_t j, int64_t d) {
    float sum = 0;
    for (int64_t t = 0; t < T_; ++t) {
      for (int64_t i = 0; i < l; ++i) {
        float mixed = 0;
        for (int64_t c = 0; c < m; ++c) mixed = fmaf(elementOf(op.a, i, c), load(op.x.row<T>(t) + c * n + d), mixed);
        sum = fmaf(load(op.dy.row<T>(t) + i * k + j), mixed, sum);
      }
    }
    op.dB->row<float>(j)[d] += op.scale * sum;
  });
}

LUTHIER_KERNEL(kroneckerBackward, 256) {
  const auto op = operandsOf<KroneckerBackward>(arguments);
  withType(op.x.dtype, [&]<class T>(T) {
    if (arguments.pass == 0) kroneckerInput<T>(op);
    else if (arguments.pass == 1) kroneckerLeft<T>(op);
    else kroneckerRight<T>(op);
  });
}

}  // namespace luthier::cuda
