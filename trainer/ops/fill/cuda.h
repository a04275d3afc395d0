// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void fill(const Fill& op, Launcher& launcher) {
  launcher.launch(elementwise("fill", op.y));
}

}  // namespace luthier::cuda
