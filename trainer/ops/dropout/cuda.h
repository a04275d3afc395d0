// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void dropout(const Dropout& op, Launcher& launcher) {
  launcher.launch(elementwise("dropout", op.y));
}

}  // namespace luthier::cuda
