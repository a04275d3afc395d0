// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void cachePrefix(const CachePrefix& op, Launcher& launcher) {
  launcher.launch(elementwise("cachePrefix", op.prefixK));
}

}  // namespace luthier::cuda
