// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void embed(const Embed& op, Launcher& launcher) {
  launcher.launch(elementwise("embed", op.y));
}

}  // namespace luthier::cuda
