// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void linearInput(const LinearInput& op, Launcher& launcher) {
  launcher.launch(product({"linearInputF32", "linearInputBf16"}, op.dx.dtype, op.dx.rows(), op.dx.cols()));
}

}  // namespace luthier::cuda
