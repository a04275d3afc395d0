// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void scaleColumnsBackward(const ScaleColumnsBackward& op, Launcher& launcher) {
  launcher.launch({"scaleColumnsBackward", ceilDivide(op.dy.cols(), 64), 1, 1, 64});
}

}  // namespace luthier::cuda
