// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attentionBackward(const AttentionBackward& op, Launcher& launcher) {
  const int64_t rows = op.q.rows();
  launcher.scratch(rows * op.heads * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"attentionDeltas", ceilDivide(rows * op.heads, 256)});
  launcher.launch({"attentionQueries", rows, op.heads, 1, attentionThreads});
  launcher.launch({"attentionKeys", rows, op.kvHeads, 1, attentionThreads});
}

}  // namespace luthier::cuda
