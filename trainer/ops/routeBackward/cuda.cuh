// routeBackward on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(routeBackward, 256) {
  const auto op = operandsOf<RouteBackward>(arguments);
  forElements(op.dLogits, [&](int64_t t, int64_t e) {
    const int32_t* expert = op.expert.row<int32_t>(0) + t * op.topK;
    const float *weights = op.weights.row<float>(t), *dWeights = op.dWeights.row<float>(t);
    float mean = 0, gradient = 0;
    for (int64_t j = 0; j < op.topK; ++j) mean += weights[j] * dWeights[j];
    if (!op.normalized) {
      const float top = elementOf(op.logits, t, expert[0]);
      float total = 0;
      for (int64_t other = 0; other < op.logits.cols(); ++other) total += expf(elementOf(op.logits, t, other) - top);
      gradient = -mean * expf(elementOf(op.logits, t, e) - top) / total;
    }
    for (int64_t j = 0; j < op.topK; ++j) {
      if (expert[j] == e) gradient += weights[j] * (dWeights[j] - (op.normalized ? mean : 0.0f));
    }
    putElement(op.dLogits, t, e, gradient);
  });
}

}  // namespace luthier::cuda
