// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void multiply(const Multiply& op, Launcher& launcher) {
  launcher.launch(elementwise("multiply", op.y));
}

}  // namespace luthier::cuda
