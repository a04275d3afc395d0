// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void gatherRows(const GatherRows& op, Launcher& launcher) {
  launcher.launch(elementwise("gatherRows", op.y));
}

}  // namespace luthier::cuda
