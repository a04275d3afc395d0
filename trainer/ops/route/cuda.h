// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void route(const Route& op, Launcher& launcher) {
  launcher.launch({"route", ceilDivide(op.logits.rows(), 64), 1, 1, 64});
  launcher.launch({"routeSort", 1});
}

}  // namespace luthier::cuda
