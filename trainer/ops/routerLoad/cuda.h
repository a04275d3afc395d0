// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void routerLoad(const RouterLoad& op, Launcher& launcher) {
  launcher.launch(elementwise("routerLoad", op.load));
}

}  // namespace luthier::cuda
