// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void reluBackward(const ReluBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("reluBackward", op.dx));
}

}  // namespace luthier::cuda
