// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void linear(const Linear& op, Launcher& launcher) {
  launcher.launch(product({"linearF32", "linearBf16"}, op.y.dtype, op.y.rows(), op.y.cols()));
}

}  // namespace luthier::cuda
