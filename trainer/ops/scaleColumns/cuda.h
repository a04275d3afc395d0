// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void scaleColumns(const ScaleColumns& op, Launcher& launcher) {
  launcher.launch(elementwise("scaleColumns", op.y));
}

}  // namespace luthier::cuda
