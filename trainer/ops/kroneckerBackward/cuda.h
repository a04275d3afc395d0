// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void kroneckerBackward(const KroneckerBackward& op, Launcher& launcher) {
  const auto start = [&](const Tensor& over, int32_t pass) {
    Launch launch = elementwise("kroneckerBackward", over);
    launch.pass = pass;
    launcher.launch(launch);
  };
  // The factors first: dx may be dy.
  if (op.dA) start(*op.dA, 1);
  if (op.dB) start(*op.dB, 2);
  start(op.dx, 0);
}

}  // namespace luthier::cuda
