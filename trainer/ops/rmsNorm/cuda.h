// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void rmsNorm(const RmsNorm& op, Launcher& launcher) {
  launcher.launch({"rmsNorm", op.x.count() / op.weight.cols()});
}

}  // namespace luthier::cuda
