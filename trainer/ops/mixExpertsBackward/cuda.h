// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void mixExpertsBackward(const MixExpertsBackward& op, Launcher& launcher) {
  launcher.launch({"mixExpertsBackward", op.dy.rows(), 1, 1, 128});
}

}  // namespace luthier::cuda
