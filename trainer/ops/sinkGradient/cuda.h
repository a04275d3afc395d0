// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void sinkGradient(const SinkGradient& op, Launcher& launcher) {
  launcher.launch({"sinkGradient", ceilDivide(op.heads, 64), 1, 1, 64});
}

}  // namespace luthier::cuda
