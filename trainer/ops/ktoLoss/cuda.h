// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void ktoLoss(const KtoLoss&, Launcher& launcher) {
  launcher.launch({"ktoLoss", 1, 1, 1, 32});
}

}  // namespace luthier::cuda
