// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void kronecker(const Kronecker& op, Launcher& launcher) {
  launcher.launch(elementwise("kronecker", op.y));
}

}  // namespace luthier::cuda
