// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void expertLinear(const ExpertLinear& op, Launcher& launcher) {
  launcher.launch(expertProduct({"expertLinearF32", "expertLinearBf16"}, op.y, op.experts));
}

}  // namespace luthier::cuda
