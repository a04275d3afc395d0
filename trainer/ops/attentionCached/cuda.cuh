// attentionCached on a GPU: a block a row and head, the keys and values of its slot.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(attentionCached, attentionThreads) {
  const auto op = operandsOf<AttentionCached>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, D = op.headDim, kvHead = head / (op.heads / op.kvHeads);
  const int64_t slot = op.slot.row<int32_t>(0)[t], last = op.position.row<int32_t>(0)[t];
  withType(op.q.dtype, [&]<class T>(T) {
    T* o = op.o.row<T>(t) + head * D;
    if (slot < 0) {
      for (int64_t i = threadIdx.x; i < D; i += attentionThreads) store(o + i, 0.0f);
      return;
    }
    const int64_t begin = op.window > 0 ? max(int64_t{0}, last - op.window + 1) : 0, base = slot * op.cacheK.dims[1] + begin;
    const auto key = [&](int64_t s) { return op.cacheK.row<T>(base + s) + kvHead * D; };
    const auto value = [&](int64_t s) { return op.cacheV.row<T>(base + s) + kvHead * D; };
    attendRow(op, head, op.q.row<T>(t) + head * D, last - begin + 1, key, value, [&](int64_t column, float sum) { store(o + column, sum); });
  });
}

}  // namespace luthier::cuda
