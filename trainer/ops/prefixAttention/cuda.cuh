// prefixAttention on a GPU: as attention, with the prefix before the segment's keys.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(prefixAttention, attentionThreads) {
  const auto op = operandsOf<PrefixAttention>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, D = op.headDim, first = head / (op.heads / op.kvHeads) * D;
  const int64_t n = op.prefixK.rows(), start = op.segmentStart.row<int32_t>(0)[t];
  withType(op.q.dtype, [&]<class T>(T) {
    const auto key = [&](int64_t s) { return (s < n ? op.prefixK.row<T>(s) : op.k.row<T>(start + s - n)) + first; };
    const auto value = [&](int64_t s) { return (s < n ? op.prefixV.row<T>(s) : op.v.row<T>(start + s - n)) + first; };
    T* o = op.o.row<T>(t) + head * D;
    const SoftmaxResult softmax = attendRow(op, head, op.q.row<T>(t) + head * D, n + t - start + 1, key, value, [&](int64_t column, float sum) { store(o + column, sum); });
    if (threadIdx.x == 0) op.lse.row<float>(t)[head] = softmax.highest + logf(softmax.total);
  });
}

}  // namespace luthier::cuda
