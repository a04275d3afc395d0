// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void gluBackward(const GluBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("gluBackward", op.dy));
}

}  // namespace luthier::cuda
