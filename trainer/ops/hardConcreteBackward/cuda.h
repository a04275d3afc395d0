// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void hardConcreteBackward(const HardConcreteBackward& op, Launcher& launcher) {
  const Launch blocks = elementwise("hardConcreteBackward", op.w);
  launcher.scratch(blocks.blocks * static_cast<int64_t>(sizeof(double)));
  launcher.launch(blocks);
  if (!op.dGroup) return;
  Launch total{"hardConcreteBackwardGroup", 1};
  total.threads = 32;
  total.count = static_cast<int32_t>(blocks.blocks);
  launcher.launch(total);
}

}  // namespace luthier::cuda
