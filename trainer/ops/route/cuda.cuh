// route on a GPU: a thread chooses the experts of a token; then one block sorts the choices by expert.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// A logit as the choice compares it.
__device__ __forceinline__ float comparableLogit(const Tensor& logits, int64_t t, int64_t e) {
  const float value = elementOf(logits, t, e);
  return value != value ? -INFINITY : value;
}

// The best expert behind `last` in the order of falling logits, the lower one first among equals; `last` −1: the best.
__device__ __forceinline__ int64_t nextExpert(const Tensor& logits, int64_t t, int64_t last) {
  const float bound = last < 0 ? 0.0f : comparableLogit(logits, t, last);
  int64_t best = -1;
  float most = 0;
  for (int64_t e = 0; e < logits.cols(); ++e) {
    const float value = comparableLogit(logits, t, e);
    if (last >= 0 && (value > bound || (value == bound && e <= last))) continue;
    if (best < 0 || value > most) best = e, most = value;
  }
  return best < 0 ? 0 : best;
}

LUTHIER_KERNEL(route, 64) {
  const auto op = operandsOf<Route>(arguments);
  const int64_t t = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, experts = op.logits.cols(), topK = op.topK;
  if (t >= op.logits.rows()) return;
  int32_t* chosen = op.expert.row<int32_t>(0) + t * topK;
  int64_t last = -1;
  for (int64_t j = 0; j < topK; ++j) chosen[j] = static_cast<int32_t>(last = nextExpert(op.logits, t, last));
  const float top = elementOf(op.logits, t, chosen[0]);
  float total = 0;
  if (op.normalized) {
    for (int64_t j = 0; j < topK; ++j) total += expf(elementOf(op.logits, t, chosen[j]) - top);
  } else {
    for (int64_t e = 0; e < experts; ++e) total += expf(elementOf(op.logits, t, e) - top);
  }
  for (int64_t j = 0; j < topK; ++j) op.weights.row<float>(t)[j] = expf(elementOf(op.logits, t, chosen[j]) - top) / total;
}

// One block, a thread an expert: counts its choices, then places them in order.
LUTHIER_KERNEL(routeSort, 256) {
  const auto op = operandsOf<Route>(arguments);
  const int64_t choices = op.order.count(), experts = op.logits.cols();
  const int32_t* expert = op.expert.row<int32_t>(0);
  int32_t* starts = op.starts.row<int32_t>(0);
  for (int64_t e = threadIdx.x; e < experts; e += blockDim.x) {
    int32_t count = 0;
    for (int64_t s = 0; s < choices; ++s) count += expert[s] == e;
    starts[e + 1] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    starts[0] = 0;
    for (int64_t e = 0; e < experts; ++e) starts[e + 1] += starts[e];
  }
  __syncthreads();
  for (int64_t e = threadIdx.x; e < experts; e += blockDim.x) {
    int32_t row = starts[e];
    for (int64_t s = 0; s < choices; ++s) {
      if (expert[s] != e) continue;
      op.order.row<int32_t>(0)[row] = static_cast<int32_t>(s);
      op.place.row<int32_t>(0)[s] = row++;
    }
  }
}

}  // namespace luthier::cuda
