// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void noise(const Noise& op, Launcher& launcher) {
  launcher.launch(elementwise("noise", op.y));
}

}  // namespace luthier::cuda
