// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void sumSquares(const SumSquares& op, Launcher& launcher) {
  Launch blocks = elementwise("sumSquares", op.x);
  blocks.blocks = ceilDivide(blocks.blocks, 4);
  launcher.scratch(blocks.blocks * static_cast<int64_t>(sizeof(double)));
  launcher.launch(blocks);
  Launch total{"sumSquaresTotal", 1};
  total.threads = 32;
  total.count = static_cast<int32_t>(blocks.blocks);
  launcher.launch(total);
}

}  // namespace luthier::cuda
