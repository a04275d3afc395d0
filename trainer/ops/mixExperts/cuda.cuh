// mixExperts on a GPU: a thread an element, which takes its experts in order.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(mixExperts, 256) {
  const auto op = operandsOf<MixExperts>(arguments);
  withType(op.z.dtype, [&]<class T>(T) {
    forElements(op.z, [&](int64_t t, int64_t c) {
      float sum = 0;
      for (int64_t j = 0; j < op.topK; ++j) {
        const float value = load(op.y.row<T>(op.place.row<int32_t>(0)[t * op.topK + j]) + c);
        sum += op.weights ? op.weights->row<float>(t)[j] * value : value;
      }
      store(op.z.row<T>(t) + c, op.residual ? sum + load(op.residual->row<T>(t) + c) : sum);
    });
  });
}

}  // namespace luthier::cuda
