// glu on a GPU: a thread an element; y may be gate or up.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

// The gate's activation and its slope: SiLU (0) or GELU by tanh (1).
struct Activated {
  float value, slope;
};

__device__ __forceinline__ Activated activated(int32_t activation, float g) {
  if (activation == 0) {
    const float sigmoid = 1.0f / (1.0f + expf(-g));
    return {g / (1.0f + expf(-g)), sigmoid * (1.0f + g * (1.0f - sigmoid))};
  }
  constexpr float factor = 0.7978845608028654f, cubic = 0.044715f;  // √(2/π)
  const float tangent = tanhf(factor * (g + cubic * g * g * g));
  const float inner = factor * (1.0f + 3.0f * cubic * g * g);
  return {g * (1.0f + tangent) / 2.0f, (1.0f + tangent) / 2.0f + g * (1.0f - tangent * tangent) * inner / 2.0f};
}

LUTHIER_KERNEL(glu, 256) {
  const auto op = operandsOf<Glu>(arguments);
  withType(op.y.dtype, [&]<class T>(T) {
    forElements(op.y, [&](int64_t r, int64_t c) {
      store(op.y.row<T>(r) + c, activated(op.activation, load(op.gate.row<T>(r) + c)).value * load(op.up.row<T>(r) + c));
    });
  });
}

}  // namespace luthier::cuda
