// lstmBackward on a GPU: one block takes the rows in order, a thread some of the hidden units.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(lstmBackward, 256) {
  const auto op = operandsOf<LstmBackward>(arguments);
  const int64_t rows = op.cell.rows(), width = op.cell.cols();
  auto* carried = reinterpret_cast<float*>(arguments.scratch);  // dcₜ₊₁·fₜ₊₁ of each unit
  withType(op.dx.dtype, [&]<class T>(T) {
    for (int64_t step = rows - 1; step >= 0; --step) {
      const int64_t t = op.reverse ? rows - 1 - step : step;
      const int64_t previous = op.reverse ? t + 1 : t - 1, next = op.reverse ? t - 1 : t + 1;
      const bool isFirst = step == rows - 1;
      for (int64_t k = threadIdx.x; k < width; k += blockDim.x) {
        const T* gates = op.gates.row<T>(t) + k;
        const float i = load(gates), f = load(gates + width), g = load(gates + 2 * width), o = load(gates + 3 * width);
        float dh = load(op.dy.row<T>(t) + k);
        for (int64_t j = 0; !isFirst && j < 4 * width; ++j) dh = fmaf(load(op.w.row<T>(j) + k), load(op.dx.row<T>(next) + j), dh);
        const float tangent = tanhf(load(op.cell.row<T>(t) + k));
        const float dc = dh * o * (1.0f - tangent * tangent) + (isFirst ? 0.0f : carried[k]);
        const float before = step == 0 ? 0.0f : load(op.cell.row<T>(previous) + k);
        T* dx = op.dx.row<T>(t) + k;
        store(dx, dc * g * i * (1.0f - i));
        store(dx + width, dc * before * f * (1.0f - f));
        store(dx + 2 * width, dc * i * (1.0f - g * g));
        store(dx + 3 * width, dh * tangent * o * (1.0f - o));
        carried[k] = dc * f;
      }
      __syncthreads();  // the next row reads all of dx's
    }
  });
}

}  // namespace luthier::cuda
