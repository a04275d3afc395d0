// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void orthogonalityBackward(const OrthogonalityBackward& op, Launcher& launcher) {
  const int64_t r = op.columns != 0 ? op.x.cols() : op.x.rows();
  launcher.scratch(r * r * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"orthogonalityBackward", ceilDivide(r * r, 256)});
  Launch elements = elementwise("orthogonalityBackward", op.x);
  elements.pass = 1;
  launcher.launch(elements);
}

}  // namespace luthier::cuda
