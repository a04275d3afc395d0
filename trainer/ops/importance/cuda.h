// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void importance(const Importance& op, Launcher& launcher) {
  launcher.launch(elementwise("importance", op.theta));
}

}  // namespace luthier::cuda
