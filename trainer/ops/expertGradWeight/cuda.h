// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void expertGradWeight(const ExpertGradWeight& op, Launcher& launcher) {
  Launch tiles = product({"expertGradWeightF32", "expertGradWeightBf16"}, op.dy.dtype, op.dW->rows(), op.dW->cols());
  tiles.blocksZ = op.experts;
  launcher.launch(tiles);
}

}  // namespace luthier::cuda
