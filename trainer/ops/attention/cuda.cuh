// attention on a GPU: a block a row and head, keys in steps of 128 with an online softmax.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(attention, attentionThreads) {
  const auto op = operandsOf<Attention>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  const int64_t start = op.segmentStart.row<int32_t>(0)[t];
  withType(op.q.dtype, [&]<class T>(T) {
    const auto key = [&](int64_t s) { return op.k.row<T>(start + s) + kvHead * D; };
    const auto value = [&](int64_t s) { return op.v.row<T>(start + s) + kvHead * D; };
    T* o = op.o.row<T>(t) + head * D;
    const SoftmaxResult softmax = attendRow(op, head, op.q.row<T>(t) + head * D, t - start + 1, key, value, [&](int64_t column, float sum) { store(o + column, sum); });
    if (threadIdx.x == 0) op.lse.row<float>(t)[head] = softmax.highest + logf(softmax.total);
  });
}

}  // namespace luthier::cuda
