// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void scaleColumnsBackward(const ScaleColumnsBackward& op, Launcher& launcher) {
  Launch columns{"scaleColumnsBackward", ceilDivide(op.dy.cols(), 64)};
  columns.threads = 64;
  launcher.launch(columns);
}

}  // namespace luthier::cuda
