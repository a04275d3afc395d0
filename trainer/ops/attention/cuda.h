// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attention(const Attention& op, Launcher& launcher) {
  launcher.launch({"attention", op.q.rows(), op.heads, 1, attentionThreads});
}

}  // namespace luthier::cuda
