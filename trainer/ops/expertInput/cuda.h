// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void expertInput(const ExpertInput& op, Launcher& launcher) {
  launcher.launch(expertProduct({"expertInputF32", "expertInputBf16"}, op.dx, op.experts));
}

}  // namespace luthier::cuda
