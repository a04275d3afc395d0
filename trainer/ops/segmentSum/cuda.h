// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void segmentSum(const SegmentSum& op, Launcher& launcher) {
  launcher.launch({"segmentSum", ceilDivide(op.y.cols(), 64), 1, 1, 64});
}

}  // namespace luthier::cuda
