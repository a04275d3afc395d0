// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void gatherExperts(const GatherExperts& op, Launcher& launcher) {
  launcher.launch(elementwise("gatherExperts", op.y));
}

}  // namespace luthier::cuda
