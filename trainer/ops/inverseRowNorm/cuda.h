// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void inverseRowNorm(const InverseRowNorm& op, Launcher& launcher) {
  launcher.launch({"inverseRowNorm", op.w.rows()});
}

}  // namespace luthier::cuda
