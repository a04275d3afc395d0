// lstm on a GPU: one block takes the rows in order, a thread some of the hidden units.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(lstm, 256) {
  const auto op = operandsOf<Lstm>(arguments);
  const int64_t rows = op.y.rows(), width = op.y.cols();
  withType(op.y.dtype, [&]<class T>(T) {
    for (int64_t step = 0; step < rows; ++step) {
      const int64_t t = op.reverse ? rows - 1 - step : step, previous = op.reverse ? t + 1 : t - 1;
      for (int64_t k = threadIdx.x; k < width; k += blockDim.x) {
        float gate[4];
#pragma unroll
        for (int64_t part = 0; part < 4; ++part) {
          float sum = load(op.x.row<T>(t) + part * width + k);
          for (int64_t j = 0; step > 0 && j < width; ++j) {
            sum = fmaf(load(op.w.row<T>(part * width + k) + j), load(op.y.row<T>(previous) + j), sum);
          }
          gate[part] = part == 2 ? tanhf(sum) : 1.0f / (1.0f + expf(-sum));
          store(op.gates.row<T>(t) + part * width + k, gate[part]);
        }
        const float last = step == 0 ? 0.0f : load(op.cell.row<T>(previous) + k);
        const float cell = gate[1] * last + gate[0] * gate[2];
        store(op.before.row<T>(t) + k, step == 0 ? 0.0f : load(op.y.row<T>(previous) + k));
        store(op.cell.row<T>(t) + k, cell);
        store(op.y.row<T>(t) + k, gate[3] * tanhf(cell));
      }
      __syncthreads();  // the next row reads all of y's
    }
  });
}

}  // namespace luthier::cuda
