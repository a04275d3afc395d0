// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void segmentSumBackward(const SegmentSumBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("segmentSumBackward", op.dx));
}

}  // namespace luthier::cuda
