// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void balanceLoss(const BalanceLoss& op, Launcher& launcher) {
  launcher.launch(elementwise("balanceLoss", op.dLoad));
  launcher.launch({"balanceLossSum", 1, 1, 1, 32});
}

}  // namespace luthier::cuda
