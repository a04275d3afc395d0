// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void lstmBackward(const LstmBackward& op, Launcher& launcher) {
  launcher.scratch(op.cell.cols() * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"lstmBackward", 1});
}

}  // namespace luthier::cuda
