// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void expertGradBias(const ExpertGradBias& op, Launcher& launcher) {
  launcher.launch({"expertGradBias", ceilDivide(op.dy.cols(), 64), op.experts, 1, 64});
}

}  // namespace luthier::cuda
