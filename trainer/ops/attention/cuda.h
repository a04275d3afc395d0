// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attention(const Attention& op, Launcher& launcher) {
  Launch rows{"attention", op.q.rows(), op.heads};
  rows.threads = 128;
  launcher.launch(rows);
}

}  // namespace luthier::cuda
