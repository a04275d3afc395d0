// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void mixExperts(const MixExperts& op, Launcher& launcher) {
  launcher.launch(elementwise("mixExperts", op.z));
}

}  // namespace luthier::cuda
