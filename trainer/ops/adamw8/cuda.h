// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/dynamicMap.h"

namespace luthier::cuda {

inline void adamw8(const Adamw8& op, Launcher& launcher) {
  launcher.launch({"adamw8", ceilDivide(op.theta.count(), dynamicBlock), 1, 1, dynamicBlock});
}

}  // namespace luthier::cuda
