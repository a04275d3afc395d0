// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void add(const Add& op, Launcher& launcher) {
  launcher.launch(elementwise("add", op.y));
}

}  // namespace luthier::cuda
