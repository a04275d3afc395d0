// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void routeBackward(const RouteBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("routeBackward", op.dLogits));
}

}  // namespace luthier::cuda
