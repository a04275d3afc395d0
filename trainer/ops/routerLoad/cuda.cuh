// routerLoad on a GPU: a thread an element, which adds the tokens of the example that begins in its row, in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// The softmax of a token's logits.
struct RouterSoftmax {
  float top, total;
};

__device__ __forceinline__ RouterSoftmax routerSoftmax(const Tensor& logits, int64_t t) {
  float top = elementOf(logits, t, 0), total = 0;
  for (int64_t e = 1; e < logits.cols(); ++e) top = fmaxf(top, elementOf(logits, t, e));
  for (int64_t e = 0; e < logits.cols(); ++e) total += expf(elementOf(logits, t, e) - top);
  return {top, total};
}

LUTHIER_KERNEL(routerLoad, 256) {
  const auto op = operandsOf<RouterLoad>(arguments);
  const int64_t tokens = op.logits.rows(), experts = op.logits.cols();
  const int32_t *expert = op.expert.row<int32_t>(0), *start = op.segmentStart.row<int32_t>(0);
  forElements(op.load, [&](int64_t t, int64_t c) {
    float sum = op.before ? op.before->row<float>(t)[c] : 0.0f;
    // The tokens of an example are one after another.
    for (int64_t one = t; one < tokens && start[one] == t; ++one) {
      if (c < experts) {
        for (int64_t j = 0; j < op.topK; ++j) sum += expert[one * op.topK + j] == c ? 1.0f : 0.0f;
      } else {
        const RouterSoftmax softmax = routerSoftmax(op.logits, one);
        sum += expf(elementOf(op.logits, one, c - experts) - softmax.top) / softmax.total;
      }
    }
    op.load.row<float>(t)[c] = sum;
  });
}

}  // namespace luthier::cuda
