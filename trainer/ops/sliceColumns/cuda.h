// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void sliceColumns(const SliceColumns& op, Launcher& launcher) {
  launcher.launch(elementwise("sliceColumns", op.y));
}

}  // namespace luthier::cuda
