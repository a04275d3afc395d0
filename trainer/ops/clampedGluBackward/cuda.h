// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void clampedGluBackward(const ClampedGluBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("clampedGluBackward", op.dy));
}

}  // namespace luthier::cuda
