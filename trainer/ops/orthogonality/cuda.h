// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void orthogonality(const Orthogonality& op, Launcher& launcher) {
  const int64_t r = op.columns != 0 ? op.x.cols() : op.x.rows();
  launcher.scratch(r * r * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"orthogonality", ceilDivide(r * r, 256)});
  launcher.launch({"orthogonality", 1, 1, 1, 256, 0, 1});
}

}  // namespace luthier::cuda
