// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void cacheAppend(const CacheAppend& op, Launcher& launcher) {
  launcher.launch(elementwise("cacheAppend", op.k));
}

}  // namespace luthier::cuda
