// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void clampedGlu(const ClampedGlu& op, Launcher& launcher) {
  launcher.launch(elementwise("clampedGlu", op.y));
}

}  // namespace luthier::cuda
