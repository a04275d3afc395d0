// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void adamw(const Adamw& op, Launcher& launcher) {
  launcher.launch(elementwise("adamw", op.theta));
}

}  // namespace luthier::cuda
