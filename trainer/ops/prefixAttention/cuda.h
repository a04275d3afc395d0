// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void prefixAttention(const PrefixAttention& op, Launcher& launcher) {
  launcher.launch({"prefixAttention", op.q.rows(), op.heads, 1, attentionThreads});
}

}  // namespace luthier::cuda
