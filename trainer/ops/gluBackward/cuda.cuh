// gluBackward on a GPU: a thread an element; the outputs may be the inputs.
#pragma once

#include "../../native/cuda/device.h"
#include "../glu/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(gluBackward, 256) {
  const auto op = operandsOf<GluBackward>(arguments);
  withType(op.dy.dtype, [&]<class T>(T) {
    forElements(op.dy, [&](int64_t r, int64_t c) {
      const float dy = load(op.dy.row<T>(r) + c), up = load(op.up.row<T>(r) + c);
      const Activated act = activated(op.activation, load(op.gate.row<T>(r) + c));
      store(op.dUp.row<T>(r) + c, dy * act.value);
      store(op.dGate.row<T>(r) + c, dy * up * act.slope);
    });
  });
}

}  // namespace luthier::cuda
