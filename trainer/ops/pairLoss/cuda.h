// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void pairLoss(const PairLoss&, Launcher& launcher) {
  launcher.launch({"pairLoss", 1, 1, 1, 32});
}

}  // namespace luthier::cuda
