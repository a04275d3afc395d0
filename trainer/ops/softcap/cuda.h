// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void softcap(const Softcap& op, Launcher& launcher) {
  launcher.launch(elementwise("softcap", op.y));
}

}  // namespace luthier::cuda
