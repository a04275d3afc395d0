// sinkGradient on a GPU: a thread a head, which takes the rows in order.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(sinkGradient, 64) {
  const auto op = operandsOf<SinkGradient>(arguments);
  const int64_t head = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, D = op.headDim, rows = op.o.rows();
  if (head >= op.heads) return;
  const float sink = elementOf(op.sinks, 0, head);
  withType(op.o.dtype, [&]<class T>(T) {
    float sum = 0;
    for (int64_t t = 0; t < rows; ++t) {
      const float delta = dot(op.dO.row<T>(t) + head * D, op.o.row<T>(t) + head * D, D);
      sum -= expf(sink - op.lse.row<float>(t)[head]) * delta;
    }
    op.dSinks.row<float>(0)[head] += op.scale * sum;
  });
}

}  // namespace luthier::cuda
