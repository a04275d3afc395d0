// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attentionCached(const AttentionCached& op, Launcher& launcher) {
  launcher.launch({"attentionCached", op.q.rows(), op.heads, 1, attentionThreads});
}

}  // namespace luthier::cuda
