// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void relu(const Relu& op, Launcher& launcher) {
  launcher.launch(elementwise("relu", op.y));
}

}  // namespace luthier::cuda
