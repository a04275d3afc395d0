// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void hardConcrete(const HardConcrete& op, Launcher& launcher) {
  launcher.launch(elementwise("hardConcrete", op.w));
}

}  // namespace luthier::cuda
