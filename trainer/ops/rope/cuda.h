// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void rope(const Rope& op, Launcher& launcher) {
  launcher.launch(elementwise("rope", op.x));
}

}  // namespace luthier::cuda
