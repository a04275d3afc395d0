// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void gradWeight(const GradWeight& op, Launcher& launcher) {
  launcher.launch(product({"gradWeightF32", "gradWeightBf16"}, op.dy.dtype, op.dW.rows(), op.dW.cols()));
}

}  // namespace luthier::cuda
