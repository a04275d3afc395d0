// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void cast(const Cast& op, Launcher& launcher) {
  launcher.launch(elementwise("cast", op.y));
}

}  // namespace luthier::cuda
