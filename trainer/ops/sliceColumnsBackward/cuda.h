// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void sliceColumnsBackward(const SliceColumnsBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("sliceColumnsBackward", op.dx));
}

}  // namespace luthier::cuda
