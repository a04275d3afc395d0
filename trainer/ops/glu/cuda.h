// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void glu(const Glu& op, Launcher& launcher) {
  launcher.launch(elementwise("glu", op.y));
}

}  // namespace luthier::cuda
