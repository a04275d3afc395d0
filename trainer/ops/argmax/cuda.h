// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void argmax(const Argmax& op, Launcher& launcher) {
  launcher.launch({"argmax", op.x.rows()});
}

}  // namespace luthier::cuda
