// routerLoadBackward on a GPU: a thread an element.
#pragma once

#include "../routerLoad/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(routerLoadBackward, 256) {
  const auto op = operandsOf<RouterLoadBackward>(arguments);
  const int64_t experts = op.logits.cols();
  forElements(op.dLogits, [&](int64_t t, int64_t e) {
    const float* given = op.dLoad.row<float>(op.segmentStart.row<int32_t>(0)[t]) + experts;
    const RouterSoftmax softmax = routerSoftmax(op.logits, t);
    const auto probability = [&](int64_t other) { return expf(elementOf(op.logits, t, other) - softmax.top) / softmax.total; };
    float mean = 0;
    for (int64_t other = 0; other < experts; ++other) mean += probability(other) * given[other];
    putElement(op.dLogits, t, e, probability(e) * (given[e] - mean));
  });
}

}  // namespace luthier::cuda
