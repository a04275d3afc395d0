// prefixAttentionBackward on a GPU: as attentionBackward; every row attends to the prefix.
#pragma once

#include "../../native/cuda/attention.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(prefixAttentionDeltas, 256) { rowDeltas(operandsOf<PrefixAttentionBackward>(arguments), reinterpret_cast<float*>(arguments.scratch)); }

LUTHIER_KERNEL(prefixAttentionQueries, attentionThreads) {
  const auto op = operandsOf<PrefixAttentionBackward>(arguments);
  const int64_t t = blockIdx.x, head = blockIdx.y, first = head / (op.heads / op.kvHeads) * op.headDim;
  const int64_t n = op.prefixK.rows(), start = op.segmentStart.row<int32_t>(0)[t];
  const float delta = reinterpret_cast<const float*>(arguments.scratch)[t * op.heads + head];
  withType(op.q.dtype, [&]<class T>(T) {
    const auto key = [&](int64_t s) { return (s < n ? op.prefixK.row<T>(s) : op.k.row<T>(start + s - n)) + first; };
    const auto value = [&](int64_t s) { return (s < n ? op.prefixV.row<T>(s) : op.v.row<T>(start + s - n)) + first; };
    queryGradient<T>(op, t, head, delta, n + t - start + 1, key, value);
  });
}

// Blocks 0 to n − 1 take the prefix's keys, the others the rows' own.
LUTHIER_KERNEL(prefixAttentionKeys, attentionThreads) {
  const auto op = operandsOf<PrefixAttentionBackward>(arguments);
  const int64_t n = op.prefixK.rows(), kvHead = blockIdx.y, first = kvHead * op.headDim;
  const bool ofPrefix = blockIdx.x < n;
  const int64_t s = ofPrefix ? blockIdx.x : blockIdx.x - n;
  withType(op.q.dtype, [&]<class T>(T) {
    keyGradient<T>(
        op, kvHead, (ofPrefix ? op.prefixK : op.k).row<T>(s) + first, (ofPrefix ? op.prefixV : op.v).row<T>(s) + first, ofPrefix ? 0 : s,
        reinterpret_cast<const float*>(arguments.scratch), [&](int64_t t) { return ofPrefix || op.segmentStart.row<int32_t>(0)[t] <= s; },
        [&](int64_t column, float dk, float dv) {
          if (!ofPrefix) {
            store(op.dk.row<T>(s) + first + column, dk);
            store(op.dv.row<T>(s) + first + column, dv);
            return;
          }
          if (op.dPrefixK) op.dPrefixK->row<float>(s)[first + column] += dk;
          if (op.dPrefixV) op.dPrefixV->row<float>(s)[first + column] += dv;
        });
  });
}

}  // namespace luthier::cuda
