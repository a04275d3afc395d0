// prefixAttentionBackward on the CPU: attention's backward over the segments, with the lse over prefix and segment
// together; then one task per key–value head walks the tokens in order and adds the prefix's part.
#pragma once

#include "../../native/generated/ops.h"
#include "../attentionBackward/cpu.h"
#include "../attentionCached/cpu.h"

namespace luthier::LUTHIER_ISA {

// Adds dPrefixK and dPrefixV of one row and head, and that row's part of dq. p and dS hold a number for each key.
template <class T>
inline void addPrefixGradient(const PrefixAttentionBackward& op, int64_t t, int64_t head, float* p, float* dS) {
  const int64_t D = op.headDim, column = head / (op.heads / op.kvHeads) * D, n = op.prefixK.rows();
  const T *q = op.q.row<T>(t) + head * D, *dO = op.dO.row<T>(t) + head * D;
  const float delta = sumOf(dotOf(dO, op.o.row<T>(t) + head * D, D)), lse = op.lse.row<float>(t)[head];
  for (int64_t j = 0; j < n; ++j) {
    p[j] = sumOf(dotOf(q, op.prefixK.row<T>(j) + column, D));
    dS[j] = sumOf(dotOf(dO, op.prefixV.row<T>(j) + column, D)) - delta;
  }
  forLanes(n, [&](int64_t j, auto count) {
    const F score = all(op.scale) * load(p + j, count);
    if (op.softcap > 0) {
      const F tangent = hyperbolicTangent(score / all(op.softcap)), weight = exponential(all(op.softcap) * tangent - all(lse));
      store(p + j, weight, count);
      store(dS + j, weight * load(dS + j, count) * all(op.scale) * (all(1.0f) - tangent * tangent), count);
      return;
    }
    const F weight = exponential(score - all(lse));
    store(p + j, weight, count);
    store(dS + j, weight * load(dS + j, count) * all(op.scale), count);
  });
  forLanes(D, [&](int64_t i, auto count) {
    F dq = load(op.dq.row<T>(t) + head * D + i, count);
    for (int64_t j = 0; j < n; ++j) {
      dq = fma(all(dS[j]), load(op.prefixK.row<T>(j) + column + i, count), dq);
      const auto add = [&](const Tensor* into, float weight, F value) {
        if (!into) return;
        float* to = into->row<float>(j) + column + i;
        store(to, fma(all(weight), value, load(to, count)), count);
      };
      add(op.dPrefixK, dS[j], load(q + i, count));
      add(op.dPrefixV, p[j], load(dO + i, count));
    }
    store(op.dq.row<T>(t) + head * D + i, dq, count);
  });
}

inline void prefixAttentionBackward(const PrefixAttentionBackward& op, Workers& workers) {
  attentionBackwardOf(op, workers);
  const int64_t n = op.prefixK.rows(), group = op.heads / op.kvHeads;
  withType(op.q.dtype, [&]<class T>(T) {
    forTasks(workers, op.kvHeads, [&](int64_t kvHead, int32_t thread) {
      Carver carver(workers.threadScratch(thread, 2 * Carver::bytes<float>(n)));
      float *p = carver.take<float>(n), *dS = carver.take<float>(n);
      for (int64_t t = 0; t < op.q.rows(); ++t) {
        for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) addPrefixGradient<T>(op, t, head, p, dS);
      }
    });
  });
}

}  // namespace luthier::LUTHIER_ISA
