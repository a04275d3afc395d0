// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void adamw8(const Adamw8& op, Launcher& launcher) {
  launcher.launch({"adamw8", ceilDivide(op.theta.count(), 256)});
}

}  // namespace luthier::cuda
