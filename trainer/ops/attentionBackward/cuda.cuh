// attentionBackward on a GPU: δ of each row and head, then dq a block a row and head, then dk and dv a block a key and
// key–value head.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(attentionDeltas, 256) { rowDeltas(operandsOf<AttentionBackward>(arguments), reinterpret_cast<float*>(arguments.scratch)); }

LUTHIER_KERNEL(attentionQueries, attentionThreads) {
  const auto op = operandsOf<AttentionBackward>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, first = head / (op.heads / op.kvHeads) * op.headDim;
  const int64_t start = op.segmentStart.row<int32_t>(0)[t];
  const float delta = reinterpret_cast<const float*>(arguments.scratch)[t * op.heads + head];
  withType(op.q.dtype, [&]<class T>(T) {
    const auto key = [&](int64_t s) { return op.k.row<T>(start + s) + first; };
    const auto value = [&](int64_t s) { return op.v.row<T>(start + s) + first; };
    queryGradient<T>(op, t, head, delta, t - start + 1, key, value);
  });
}

LUTHIER_KERNEL(attentionKeys, attentionThreads) {
  const auto op = operandsOf<AttentionBackward>(arguments);
  const int64_t s = blockIdx.x, kvHead = blockIdx.y, first = kvHead * op.headDim;
  withType(op.q.dtype, [&]<class T>(T) {
    keyGradient<T>(
        op, kvHead, op.k.row<T>(s) + first, op.v.row<T>(s) + first, s, reinterpret_cast<const float*>(arguments.scratch),
        [&](int64_t t) { return op.segmentStart.row<int32_t>(0)[t] <= s; },
        [&](int64_t column, float dk, float dv) {
          store(op.dk.row<T>(s) + first + column, dk);
          store(op.dv.row<T>(s) + first + column, dv);
        });
  });
}

}  // namespace luthier::cuda
