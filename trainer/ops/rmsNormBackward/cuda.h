// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void rmsNormBackward(const RmsNormBackward& op, Launcher& launcher) {
  if (op.dWeight) launcher.launch({"rmsNormBackwardWeight", ceilDivide(op.weight.cols(), 256)});
  launcher.launch({"rmsNormBackward", op.h.count() / op.weight.cols()});
}

}  // namespace luthier::cuda
