// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void columnProducts(const ColumnProducts& op, Launcher& launcher) {
  launcher.launch(elementwise("columnProducts", op.y));
}

}  // namespace luthier::cuda
