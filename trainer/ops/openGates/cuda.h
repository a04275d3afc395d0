// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void openGates(const OpenGates& op, Launcher& launcher) {
  const Launch blocks = elementwise("openGates", op.alpha);
  launcher.scratch(blocks.blocks * static_cast<int64_t>(sizeof(double)));
  launcher.launch(blocks);
  Launch total{"openGatesTotal", 1};
  total.threads = 32;
  total.count = static_cast<int32_t>(blocks.blocks);
  launcher.launch(total);
}

}  // namespace luthier::cuda
