// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void routerLoadBackward(const RouterLoadBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("routerLoadBackward", op.dLogits));
}

}  // namespace luthier::cuda
